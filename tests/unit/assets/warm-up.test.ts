import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ivm from 'isolated-vm'
import { afterAll, expect, test } from 'vitest'
import { cellAssets } from '../../../runtime/assets/cell-assets.ts'
import { buildPrelude, buildSnapshot, buildWarmUp } from '../../../runtime/assets/prelude.ts'
import { ATTACH, ATTACH_GLOBAL } from '../../../runtime/prelude/attach.ts'

const prelude = await buildPrelude()
const warmUp = await buildWarmUp()
const dataDir = mkdtempSync(join(tmpdir(), 'isolane-assets-'))
const snapshot = new Uint8Array(readFileSync((await cellAssets(dataDir)).snapshotPath)).buffer
afterAll(() => rmSync(dataDir, { recursive: true }))

/** Between the prelude and its host: keeps the kind of each message. */
const RECORD = `const kinds = []
const attach = globalThis.${ATTACH_GLOBAL}
globalThis.${ATTACH_GLOBAL} = (post) => attach((...message) => {
  kinds.push(message[0])
  return post(...message)
})`

test('the warm-up answers every call it makes', () => {
  using isolate = disposable(new ivm.Isolate())
  const context = isolate.value.createContextSync()
  context.evalSync(prelude)
  context.evalSync(RECORD)
  context.evalSync(warmUp)
  const kinds = JSON.parse(context.evalSync('JSON.stringify(kinds)')) as string[]
  const count = (...wanted: string[]) => kinds.filter((kind) => wanted.includes(kind)).length
  expect(count('loaded')).toBe(warmUp.match(/^\s+(request|value)\(/gm)?.length)
  expect(count('result', 'failed')).toBe(count('loaded'))
  expect(count('failed')).toBe(2)
  expect(count('call')).toBe(3)
})

test('nothing of the warm-up is left in a sandbox', () => {
  using isolate = disposable(new ivm.Isolate({ snapshot: new ivm.ExternalCopy(snapshot) }))
  using bare = disposable(new ivm.Isolate({ snapshot: new ivm.ExternalCopy(buildSnapshot(prelude)) }))
  const globals = (of: ivm.Isolate) => of.createContextSync().evalSync('Reflect.ownKeys(globalThis).map(String).join()')
  expect(globals(isolate.value)).toBe(globals(bare.value))
})

test('a first call finds most of what it runs compiled already', () => {
  const grew = (from: ArrayBuffer): number => {
    using isolate = disposable(new ivm.Isolate({ snapshot: new ivm.ExternalCopy(from) }))
    const context = isolate.value.createContextSync()
    const used = () => isolate.value.getHeapStatisticsSync().used_heap_size
    const before = used()
    const post = new ivm.Callback(() => undefined)
    const entry = context.evalClosureSync(ATTACH, [post, false], { result: { reference: true } })
    const module = context.evalSync('(module) => { module.exports = { fetch: () => new Response("hello") } }', { reference: true })
    const random = new ivm.ExternalCopy(new ArrayBuffer(32)).copyInto()
    entry.applySync(undefined, ['load', 0, '{"tenant":"acme","name":"hello","version":1,"env":{}}', random, module.derefInto()])
    const head = { door: 'url', id: 'x', deadlineAt: 0, method: 'GET', url: 'http://localhost/fn/hello', headers: [['host', 'localhost']] }
    entry.applySync(undefined, ['invoke', 1, JSON.stringify(head)])
    return used() - before
  }
  expect(grew(snapshot)).toBeLessThan(grew(buildSnapshot(prelude)) * 0.7)
})

function disposable(isolate: ivm.Isolate): { readonly value: ivm.Isolate } & Disposable {
  return { value: isolate, [Symbol.dispose]: () => isolate.dispose() }
}
