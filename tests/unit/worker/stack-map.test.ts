import { readFile } from 'node:fs/promises'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { describe, expect, test } from 'vitest'
import { bundle } from '../../../platform/builder/bundle.ts'
import { MAX_SOURCE_MAP_BYTES } from '../../../runtime/contract/artifact.ts'
import { StackMap, toAuthorText } from '../../../runtime/worker/stack-map.ts'

async function bundled(modules: Record<string, string>): Promise<{ script: string; sourceMap: string }> {
  const entries = Object.entries(modules).map(([name, source]) => [name, { bytes: Buffer.from(source) }] as const)
  const result = await bundle({ modules: new Map(entries), mainModule: entries[0]?.[0] as string })
  if (!result.ok) throw new Error(JSON.stringify(result.errors))
  return result
}

async function mapOf(json: string): Promise<StackMap> {
  const map = await StackMap.read(Buffer.from(json))
  if (map === undefined) throw new Error('no source map')
  return map
}

/** A map of one file in which `mappings` are what the test wants. */
function crafted(mappings: string, sources: unknown[] = ['index.ts']): Promise<StackMap | undefined> {
  return StackMap.read(Buffer.from(JSON.stringify({ version: 3, sources, names: [], mappings })))
}

describe('a place of a bundle', () => {
  test('comes from where another reader of source maps finds it, at every place of a large bundle', async () => {
    const large = await readFile(new URL('../../../node_modules/hono/dist/hono-base.js', import.meta.url), 'utf8')
    const alone = large.replaceAll(/^(import|export) .*$/gm, '')
    const modules = Object.fromEntries(Array.from({ length: 8 }, (_, at) => [`lib/${at}.ts`, `${alone}\nglobalThis.kept = Hono`]))
    const index = Object.keys(modules).map((name) => `import './${name}'`)
    const { script, sourceMap } = await bundled({
      'index.ts': `${index.join('\n')}\nexport const text = 'ä€𝒳'; export default () => text`,
      ...modules,
    })
    const [map, reference] = [await mapOf(sourceMap), new SourceMap(JSON.parse(sourceMap) as SourceMapPayload)]
    let compared = 0
    for (const [line, text] of script.split('\n').entries()) {
      for (let column = 0; column < text.length; column++) {
        const entry = reference.findEntry(line, column)
        const wanted =
          'originalSource' in entry && entry.generatedLine === line
            ? { file: entry.originalSource, line: entry.originalLine + 1, column: entry.originalColumn + 1 }
            : undefined
        const found = map.originOf(line + 1, column + 1)
        if (JSON.stringify(found) !== JSON.stringify(wanted)) expect([line, column, found]).toEqual([line, column, wanted])
        compared++
      }
    }
    expect(compared).toBeGreaterThan(50_000)
    expect(map.originOf(100_000, 1)).toBe(undefined)
  })

  test('has no origin in the bundler’s own code', async () => {
    const { script, sourceMap } = await bundled({ 'index.ts': 'import a from "./a.cjs"; export default () => a', 'a.cjs': 'exports.a = 1' })
    const line = script.split('\n').findIndex((text) => text.includes('__getOwnPropNames'))
    expect((await mapOf(sourceMap)).originOf(line + 1, 5)).toBe(undefined)
  })
})

describe('a map that is not what it should be', () => {
  test.each([
    ['no JSON', 'mappings'],
    ['no object', '7'],
    ['null', 'null'],
    ['without sources', '{"mappings":"AAAA"}'],
    ['with mappings that are no text', '{"sources":["a"],"mappings":[["AAAA"]]}'],
    ['with a digit that is none', '{"sources":["a"],"mappings":"AAAA,A€AA"}'],
    ['with a number that does not end', `{"sources":["a"],"mappings":"${'g'.repeat(10_000)}"}`],
    ['that breaks off', '{"sources":["a"],"mappings":"AAAg"}'],
    ['that is too large', `{"sources":["a"],"mappings":"${';'.repeat(MAX_SOURCE_MAP_BYTES)}"}`],
  ])('is none: %s', async (_, json) => {
    expect(await StackMap.read(Buffer.from(json))).toBe(undefined)
  })

  test('gives no place in a source it does not have, nor in one without a name', async () => {
    expect((await crafted('ACAA'))?.originOf(1, 1)).toBe(undefined)
    expect((await crafted('ADAA'))?.originOf(1, 1)).toBe(undefined)
    expect((await crafted('AAAA', [{ toString: () => 'x' }]))?.originOf(1, 1)).toBe(undefined)
  })

  test('is read in no more than its length, however its columns run', async () => {
    const map = await crafted('AAAA,'.repeat(500_000))
    const startedAt = performance.now()
    for (let at = 0; at < 400; at++) map?.originOf(1, 1_000_000)
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  test('has its places found at once, however many empty lines lie around them', async () => {
    const map = await crafted(`AAAA${';'.repeat(1_900_000)}AACA;AACA`)
    expect(map?.originOf(1_900_001, 1)).toEqual({ file: 'index.ts', line: 2, column: 1 })
    expect(map?.originOf(1_900_002, 7)).toEqual({ file: 'index.ts', line: 3, column: 1 })
    const startedAt = performance.now()
    for (let at = 0; at < 1_000; at++) expect(map?.originOf(1_899_000 + at, 1)).toBe(undefined)
    expect(performance.now() - startedAt).toBeLessThan(1_000)
  })
})

describe('a text', () => {
  const at = (line: number, column: number) => `file:///function.js:${line}:${column}`
  // Line 2 of the bundle is line 10 of index.ts, from its column 5 on; line 4 is line 1 of old.cjs.
  const map = () => crafted(';IASI;;ACTJ', ['index.ts', 'old.cjs']) as Promise<StackMap>

  test('names the places of the upload, and keeps the engine’s frames and the author’s words', async () => {
    const stack = `Error: at last\n    at go (${at(2, 9)})\n    at Array.map (<anonymous>)\n    at async ${at(2, 5)}\n    at /home/me/app.js:1:2`
    expect(toAuthorText(stack, await map())).toBe(
      'Error: at last\n    at go (index.ts:10:5)\n    at Array.map (<anonymous>)\n    at async index.ts:10:5\n    at /home/me/app.js:1:2',
    )
  })

  test('loses the frames of the bundler’s own code, and only those', async () => {
    const stack = `see ${at(1, 1)}\n    at __require (${at(1, 1)})\n    at upload:old.cjs (${at(4, 1)})\n    at Object.upload:old.cjs (${at(4, 1)})`
    expect(toAuthorText(stack, await map())).toBe(`see ${at(1, 1)}\n    at old.cjs (old.cjs:1:1)\n    at Object.old.cjs (old.cjs:1:1)`)
  })

  test('stays bounded, however long the names of its files', async () => {
    const long = (await crafted(';IASI', ['n'.repeat(1_000_000)])) as StackMap
    expect(toAuthorText(`${at(2, 9)} `.repeat(300), long).length).toBeLessThanOrEqual(16_000)
  })
})
