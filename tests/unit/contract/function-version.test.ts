import { expect, test } from 'vitest'
import { parseFunctionVersion } from '../../../runtime/contract/function-version.ts'

const RECORD = {
  versionId: 'a'.repeat(32),
  tenant: 'acme',
  name: 'hello',
  version: 1,
  sha256: 'b'.repeat(64),
  limits: { memoryMb: 128, timeoutMs: 5_000, concurrency: 1 },
  env: {},
}

test('a version has WebAssembly only where its record says so', () => {
  expect(parseFunctionVersion({ ...RECORD, wasm: true }).wasm).toBe(true)
  expect([parseFunctionVersion(RECORD).wasm, parseFunctionVersion({ ...RECORD, wasm: false }).wasm]).toEqual([undefined, undefined])
})

test.each(['true', 1, null, {}])('a record that says %o is refused', (wasm) => {
  expect(() => parseFunctionVersion({ ...RECORD, wasm })).toThrow(/wasm/)
})
