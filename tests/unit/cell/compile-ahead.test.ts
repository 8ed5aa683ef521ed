import { setFlagsFromString } from 'node:v8'
import ivm from 'isolated-vm'
import { expect, test } from 'vitest'
import { compileAhead } from '../../../runtime/cell/compile-ahead.ts'
import type { CachedScript } from '../../../runtime/cell/sandbox.ts'

const snapshot = new ivm.ExternalCopy(ivm.Isolate.createSnapshot([{ code: 'globalThis.prelude = true' }]).copy() as ArrayBuffer)
const SOURCE = `(function (module) { ${Array.from({ length: 200 }, (_, n) => `function f${n}(a) { return a + ${n} }`).join('\n')}\n module.exports = [${Array.from({ length: 200 }, (_, n) => `f${n}`)}] })`

function compiled(source: string, cache: Buffer | undefined): { readonly rejected: boolean | undefined; readonly value: unknown } {
  const isolate = new ivm.Isolate({ snapshot })
  const cachedData = new ivm.ExternalCopy(new Uint8Array(cache ?? Buffer.alloc(0)).buffer as ArrayBuffer)
  const script: CachedScript = isolate.compileScriptSync(source, { filename: 'file:///function.js', cachedData })
  const rejected = script.cachedDataRejected
  const context = isolate.createContextSync()
  context.global.setSync('run', script.runSync(context, { reference: true }).derefInto())
  const value = context.evalSync('const module = {}; run(module); module.exports[7](1)')
  isolate.dispose()
  return { rejected, value }
}

test('V8 takes the cache in an isolate of the same snapshot, and runs what it was made of', () => {
  const cache = compileAhead({ ivm, snapshot, setFlags: setFlagsFromString }, SOURCE)
  expect(compiled(SOURCE, cache)).toEqual({ rejected: false, value: 8 })
})

test('inner functions are in it too', () => {
  const whole = compileAhead({ ivm, snapshot, setFlags: setFlagsFromString }, SOURCE) as Buffer
  const asUsual = compileAhead({ ivm, snapshot, setFlags: () => {} }, SOURCE) as Buffer
  expect(whole.length).toBeGreaterThan(2 * asUsual.length)
})

test('what V8 would not take is not handed out', () => {
  const setFlags = (flags: string) => {
    setFlagsFromString(flags)
    // The rest of the flags are as before only if whoever asks puts them back.
    if (flags === '--no-lazy') setFlagsFromString('--max-lazy')
  }
  const cache = compileAhead({ ivm, snapshot, setFlags }, SOURCE)
  setFlagsFromString('--no-max-lazy')
  expect(cache).toBeUndefined()
})

test('a script whose functions are not all compiled is still given a cache', () => {
  const large = `${SOURCE.slice(0, -1)}\n/*${'x'.repeat(1024 * 1024)}*/)`
  const flags: string[] = []
  const cache = compileAhead({ ivm, snapshot, setFlags: (flag) => void flags.push(flag) }, large)
  expect(flags).toEqual([])
  expect(compiled(large, cache)).toEqual({ rejected: false, value: 8 })
})

test('nothing is run', () => {
  const cache = compileAhead({ ivm, snapshot, setFlags: setFlagsFromString }, 'while (true) {}')
  expect(cache?.length).toBeGreaterThan(0)
})
