import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import type { Builder, BuilderDeps } from '../../../platform/builder/builder.ts'
import { createBuilder, MAX_WAITING_BUILDS_PER_TENANT } from '../../../platform/builder/builder.ts'
import type { BuilderChild } from '../../../platform/builder/spawn-builder-child.ts'
import { spawnBuilderChild } from '../../../platform/builder/spawn-builder-child.ts'
import { MAX_BUNDLE_BYTES, MAX_SOURCE_BYTES } from '../../../runtime/contract/limits.ts'

const warned: unknown[] = []
let children: BuilderChild[] = []

function builderWith(deps: Partial<BuilderDeps> = {}): Builder {
  const spawnChild = deps.spawnChild ?? spawnBuilderChild
  return createBuilder({
    log: { warn: (fields) => warned.push(fields) },
    ...deps,
    spawnChild: () => {
      const child = spawnChild()
      children.push(child)
      return child
    },
  })
}

const one = (text: string | Buffer, name = 'index.ts') => ({ mainModule: name, modules: new Map([[name, { bytes: Buffer.from(text) }]]) })
const isGone = (child: BuilderChild) =>
  new Promise((gone) => ((child.exitCode ?? child.signalCode) !== null ? gone(true) : child.once('exit', () => gone(true))))

afterEach(() => {
  children = []
})

test('a build answers the script, its hash and its sizes', async () => {
  using builder = builderWith()
  const source = 'export default () => "hi"'
  const built = await builder.build('acme', one(source))
  if (!built.ok) throw new Error(built.detail)
  expect(built.script).toMatch(/^\(function \(module, exports, require\) \{ "use strict";\n.*\n\}\)$/s)
  expect(built.sha256).toBe(createHash('sha256').update(built.script).digest('hex'))
  expect(built).toMatchObject({ sourceBytes: source.length, bundleBytes: built.script.length })
  expect(JSON.parse(built.sourceMap ?? '')).toMatchObject({ sources: ['index.ts'] })
})

test('a build that fails says where, with the line and a caret', async () => {
  using builder = builderWith()
  expect(await builder.build('acme', one('const x = 1 foo'))).toEqual({
    ok: false,
    code: 'build_failed',
    detail: 'index.ts:1:13: Expected ";" but found "foo"\n  1 | const x = 1 foo\n    |             ^',
    errors: [{ text: 'Expected ";" but found "foo"', file: 'index.ts', line: 1, column: 13, lineText: 'const x = 1 foo' }],
  })
})

test('each upload gets a child of its own, which is gone afterwards', async () => {
  using builder = builderWith()
  await builder.build('acme', one('export default 1'))
  await builder.build('acme', one('export default 2'))
  expect(children).toHaveLength(3)
  const [first, second, blank] = children
  expect(await Promise.all([first, second].map((child) => child && isGone(child)))).toEqual([true, true])
  expect(blank).toMatchObject({ exitCode: null, signalCode: null })
})

test('code that kills the bundler is too complex, and the next upload builds', { timeout: 30_000 }, async () => {
  using builder = builderWith()
  expect(await builder.build('acme', one('('.repeat(MAX_SOURCE_BYTES)))).toMatchObject({ ok: false, code: 'too_complex' })
  expect(warned.pop()).toMatchObject({ sourceBytes: MAX_SOURCE_BYTES })
  expect(await builder.build('acme', one('export default 1'))).toMatchObject({ ok: true })
})

test('code that takes too long is too complex, and its child is killed', async () => {
  // Says that it is ready, then never answers.
  const silent = () =>
    spawn(
      process.execPath,
      ['-e', 'process.stdout.write(Buffer.from("0c0000000400000000000000" + "6e756c6c", "hex")); setInterval(() => {}, 1000)'],
      {
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    )
  using builder = builderWith({ spawnChild: silent, timeoutMs: 500 })
  expect(await builder.build('acme', one('export default 1'))).toMatchObject({ ok: false, code: 'too_complex' })
  expect(children[0] && (await isGone(children[0]))).toBe(true)
})

test('a builder that cannot start is our fault, not the upload’s', async () => {
  using builder = builderWith({
    spawnChild: () => spawn(process.execPath, ['-e', 'process.exit(3)'], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] }),
  })
  await expect(builder.build('acme', one('export default 1'))).rejects.toThrow(/Cannot start a builder: ended with 3/)
})

test('a blank child that died while it waited is replaced', async () => {
  using builder = builderWith()
  const [blank] = children
  blank?.kill('SIGKILL')
  if (blank) await isGone(blank)
  expect(await builder.build('acme', one('export default 1'))).toMatchObject({ ok: true })
})

test('many uploads at once all build, two at a time and one of each tenant', async () => {
  using builder = builderWith()
  const results = await Promise.all(Array.from({ length: 6 }, (_, n) => builder.build(`tenant-${n % 3}`, one(`export default ${n}`))))
  expect(results.map(({ ok }) => ok)).toEqual(Array(6).fill(true))
  expect(new Set(results.map((built) => built.ok && built.sha256)).size).toBe(6)
})

test('a tenant whose uploads are slow waits for itself: another builds meanwhile, and one upload too many is told when to come back', async () => {
  const stuck = () => spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
  let made = 0
  using builder = builderWith({ spawnChild: () => (made++ === 0 ? stuck() : spawnBuilderChild()) })
  const slow = Array.from({ length: 1 + MAX_WAITING_BUILDS_PER_TENANT }, () =>
    builder.build('slow', one('export default 1')).catch((error: Error) => error.message),
  )
  expect(await builder.build('quick', one('export default 1'))).toMatchObject({ ok: true })
  const refused = await builder.build('slow', one('export default 1'))
  if (refused.ok) throw new Error('wanted a refusal')
  expect([refused.code, refused.detail]).toEqual(['too_many_deploys', expect.stringMatching(/^20 uploads of this tenant wait/)])
  expect(refused.retryAfterMs).toBeGreaterThan(1_000)
  builder[Symbol.dispose]()
  expect(new Set(await Promise.all(slow))).toEqual(new Set(['Cannot start a builder: thrown away', 'Cannot build: the builder is closed']))
})

test('source over its limit never reaches a child', async () => {
  using builder = builderWith()
  expect(await builder.build('acme', one(Buffer.alloc(MAX_SOURCE_BYTES + 1, 0x20)))).toMatchObject({ ok: false, code: 'source_too_large' })
  expect(children).toHaveLength(1)
})

test('a bundle over its limit is refused, however small its source', { timeout: 20_000 }, async () => {
  using builder = builderWith()
  // esbuild indents: 2 500 loops inside each other are 12.5 MB of spaces.
  const source = `${'for(;;){'.repeat(2_500)}go()${'}'.repeat(2_500)}`
  expect(await builder.build('acme', one(source))).toMatchObject({
    ok: false,
    code: 'bundle_too_large',
    detail: expect.stringContaining(String(MAX_BUNDLE_BYTES)),
  })
})

test.runIf(process.getuid?.() === 0 && process.platform === 'linux')('the child has left root behind before it reads', async () => {
  using builder = builderWith()
  const [blank] = children
  const ready = new Promise((resolve) => blank?.stdout.once('data', resolve))
  await ready
  const { readFileSync } = await import('node:fs')
  const status = readFileSync(`/proc/${blank?.pid}/status`, 'utf8')
  expect(status).toMatch(/^Uid:\t(?!0\t)(\d{5,})\t\1\t\1\t\1$/m)
  expect(status).toMatch(/^Groups:\t *$/m)
  expect(await builder.build('acme', one('export default 1'))).toMatchObject({ ok: true })
})
