import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { bundle } from '../../../platform/builder/bundle.ts'
import { ADD } from '../../wasm-modules.ts'

function upload(files: Record<string, string | Buffer>, mainModule = Object.keys(files)[0] ?? '', types: Record<string, string> = {}) {
  const modules = Object.entries(files).map(
    ([name, text]) => [name, { bytes: Buffer.from(text), ...(types[name] && { type: types[name] }) }] as const,
  )
  return { mainModule, modules: new Map(modules) }
}

/** What the script hands out as `module.exports`. */
async function load(files: Record<string, string | Buffer>, main?: string, types?: Record<string, string>): Promise<Record<string, unknown>> {
  const bundled = await bundle(upload(files, main, types))
  if (!bundled.ok) throw new Error(JSON.stringify(bundled.errors))
  const module = { exports: {} }
  const refuse = (name: string) => {
    throw new Error(`no module ${name}`)
  }
  runInNewContext(bundled.script)(module, module.exports, refuse)
  return module.exports
}

async function errorsOf(files: Record<string, string | Buffer>) {
  const bundled = await bundle(upload(files))
  return bundled.ok ? [] : bundled.errors
}

describe('a bundle', () => {
  test('is one function expression over module, exports and require', async () => {
    const bundled = await bundle(upload({ 'index.ts': 'export default (n: number): number => n + 1 // last line' }))
    expect(bundled).toMatchObject({ ok: true, warnings: [] })
    const fn = runInNewContext(bundled.ok ? bundled.script : '')
    expect(fn).toBeTypeOf('function')
    expect(fn).toHaveLength(3)
  })

  test('imports WebAssembly as a compiled module, known by its name or by its type', async () => {
    const files = {
      'index.ts':
        "import one from './one.wasm'\nimport two from './two.wasm?module'\nimport three from './three.bin'\nexport const all = [one, two, three]",
      'one.wasm': Buffer.from(ADD),
      'two.wasm': Buffer.from(ADD),
      'three.bin': Buffer.from(ADD),
    }
    const { all } = await load(files, 'index.ts', { 'three.bin': 'application/wasm' })
    expect((all as object[]).map((module) => Object.prototype.toString.call(module))).toEqual(Array(3).fill('[object WebAssembly.Module]'))
  })

  test('keeps ES modules strict and CommonJS sloppy', async () => {
    const esm = await load({ 'index.js': 'export const self = (function () { return this })()' })
    const cjs = await load({ 'index.cjs': 'exports.self = (function () { return typeof this })()' })
    expect(esm.self).toBe(undefined)
    expect(cjs.self).toBe('object')
  })

  test('joins modules by relative imports, with the endings TypeScript projects use', async () => {
    const exports = await load({
      'src/index.ts': `import { a } from './a'; import { b } from './b.js'; import c from '../c'; import data from './data.json'; import note from './note.txt'
        export default [a, b, c, data.n, note]`,
      'src/a.ts': 'export const a: string = "a"',
      'src/b.ts': 'export const b = "b"',
      'c/index.js': 'module.exports = "c"',
      'src/data.json': '{"n": 1}',
      'src/note.txt': 'hello',
    })
    expect(exports.default).toEqual(['a', 'b', 'c', 1, 'hello'])
  })

  test('reads a script that begins with a hashbang', async () => {
    expect((await load({ 'index.ts': '#!/usr/bin/env node\nexport default 1' })).default).toBe(1)
  })

  test('turns a computed import() into the require that says what is wrong', async () => {
    const { go } = await load({ 'index.js': 'export const go = (name) => import(name)' })
    await expect((go as (name: string) => Promise<unknown>)('left-pad')).rejects.toThrow('no module left-pad')
  })

  test('has a source map that points from the wrapped script to the uploaded file, without its text', async () => {
    const bundled = await bundle(upload({ 'index.ts': '\n\nthrow new Error("here")' }))
    const map = JSON.parse(bundled.ok ? bundled.sourceMap : '')
    expect(map.sources).toEqual(['index.ts'])
    expect(map.sourcesContent).toBe(undefined)
    const line = bundled.ok ? bundled.script.split('\n').findIndex((text) => text.includes('throw')) : -1
    const { SourceMap } = await import('node:module')
    expect(new SourceMap(map).findEntry(line, 0)).toMatchObject({ originalSource: 'index.ts', originalLine: 2 })
  })
})

describe('a module of unknown kind', () => {
  test('is TypeScript where both readings parse', async () => {
    const { default: value } = await load({ 'index.ts': 'const f = <T>(x: T): T => x\nexport default f<number>(7)' })
    expect(value).toBe(7)
  })

  test('is JavaScript where it says so and both readings parse', async () => {
    const source = 'const a = 1, b = 2, c = 3\nexport default a<b>(c)'
    expect((await load({ 'index.js': source })).default).toBe(false)
  })

  test.each([
    ['JSX in a .ts file', 'index.ts', 'const React = { createElement: (tag: string) => tag }\nexport default <div />', 'div'],
    ['types in a .js file', 'index.js', 'const n: number = 3\nexport default n', 3],
    ['an old-style cast in a .js file', 'index.js', 'const n = <any>3\nexport default n', 3],
  ])('is read as what it is: %s', async (_what, name, source, value) => {
    expect((await load({ [name]: source })).default).toBe(value)
  })

  test('without an ending goes by its content type', async () => {
    expect((await load({ main: 'import d from "./data"; export default d.n', data: '{"n":1}' }, 'main', { data: 'application/json' })).default).toBe(
      1,
    )
  })

  test('shows the errors of the reading that got furthest', async () => {
    const [error] = await errorsOf({ 'index.ts': 'const n: number = 1\nconst element = <div />\nconst broken = = 1' })
    expect(error).toMatchObject({ line: 3, column: 16 })
  })
})

describe('an upload that does not build', () => {
  test('names file, line and column of a syntax error, counted in characters', async () => {
    expect(await errorsOf({ 'index.ts': '// one\nconst é = "ü", y = 1 foo' })).toEqual([
      { text: 'Expected ";" but found "foo"', file: 'index.ts', line: 2, column: 22, lineText: 'const é = "ü", y = 1 foo' },
    ])
  })

  test.each([
    ['import fs from "node:fs"\nexport default fs', /"node:fs" is part of Node.js/],
    ['export default require("path")', /"path" is part of Node.js/],
    ['import { Hono } from "hono"\nexport default new Hono()', /^"hono" is a package, and packages are not installed here$/],
    ['import x from "https://example.com/x.js"\nexport default x', /only relative paths between uploaded modules/],
    ['import x from "/etc/passwd"\nexport default x', /only relative paths between uploaded modules/],
    ['import x from "../../etc/passwd"\nexport default x', /it points out of the upload/],
    ['import x from "./util"\nexport default x', /Cannot find ".\/util": uploaded were index.ts/],
    ['const x = await fetch("/")\nexport default x', /Move the await into the handler/],
  ])('says what to do instead: %s', async (source, text) => {
    const [error, ...others] = await errorsOf({ 'index.ts': source })
    expect(error?.text).toMatch(text)
    expect(error).toMatchObject({ file: 'index.ts', line: 1 })
    expect(others).toEqual([])
  })

  test('refuses text that is not UTF-8', async () => {
    const [error] = await errorsOf({ 'index.ts': Buffer.from([0x22, 0xff, 0xfe, 0x22]) })
    expect(error?.text).toBe('Cannot read "index.ts": it is not UTF-8 text')
  })

  test('cannot import what has no loader', async () => {
    const [error] = await errorsOf({ 'index.ts': 'import "./x.png"', 'x.png': 'png' })
    expect(error?.text).toMatch(/Cannot read "x.png": a module's name ends in/)
  })
})
