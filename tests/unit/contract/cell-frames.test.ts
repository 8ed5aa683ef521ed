import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseFromCell } from '../../../runtime/contract/cell-frames.ts'

test('a well-formed end is read as it is', () => {
  const end = { k: 'end', f: 3, end: 'ok', cpuMs: 0.1, wallMs: 0.2, heapMb: 1.5 }
  expect(parseFromCell(end)).toEqual(end)
})

test.each([
  [{ k: 'end', f: -1, end: 'ok', cpuMs: 0, wallMs: 0, heapMb: 0 }, 'f'],
  [{ k: 'end', f: 1, end: 'fine', cpuMs: 0, wallMs: 0, heapMb: 0 }, 'end'],
  [{ k: 'end', f: 1, end: 'ok', cpuMs: Number.NaN, wallMs: 0, heapMb: 0 }, 'cpuMs'],
  [{ k: 'end', f: 1, end: 'ok', cpuMs: -4, wallMs: 0, heapMb: 0 }, 'cpuMs'],
  [{ k: 'post', f: 1, kind: 7, call: 0, extra: 0 }, 'kind'],
  [{ k: 'post', f: 1, kind: 'result', call: 1.5, extra: 0 }, 'call'],
  [{ k: 'root' }, 'k'],
  [null, 'cell frame'],
])('a cell that says %j is told that %s is wrong', (head, field) => {
  expect(() => parseFromCell(head)).toThrow(`Cannot read ${field}`)
})

test('no value at all makes the worker’s reading fail with anything but a clear error', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        parseFromCell(value)
      } catch (error) {
        expect((error as Error).name).toBe('ContractError')
      }
    }),
  )
})
