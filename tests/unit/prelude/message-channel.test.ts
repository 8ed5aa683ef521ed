import { expect, test } from 'vitest'
import { evaluate } from './sandbox.ts'

test('messages arrive as copies, in order, each in a task of its own', () => {
  expect(
    evaluate(`const { port1, port2 } = new MessageChannel(), seen = [], sent = { at: [1] }
      port2.onmessage = (e) => { seen.push(e.data.at?.[0] ?? e.data); queueMicrotask(() => seen.push('micro')) }
      port1.postMessage(sent); sent.at[0] = 2; port1.postMessage('two'); seen.push('sync')
      await new Promise((r) => setTimeout(r, 5))
      return seen`),
  ).toEqual(['sync', 1, 'micro', 'two', 'micro'])
})

test('a port that listens by addEventListener waits for start, and loses nothing meanwhile', () => {
  expect(
    evaluate(`const { port1, port2 } = new MessageChannel(), seen = []
      port2.addEventListener('message', (e) => seen.push(e.data)); port1.postMessage(1)
      await new Promise((r) => setTimeout(r, 5)); const before = seen.length
      port2.start(); await new Promise((r) => setTimeout(r, 5))
      return [before, seen]`),
  ).toEqual([0, [1]])
})

test('ports and buffers are handed over', () => {
  expect(
    evaluate(`const a = new MessageChannel(), b = new MessageChannel(), buffer = new Uint8Array([1, 2]).buffer, seen = []
      a.port2.onmessage = (e) => { seen.push(e.data.bytes.byteLength, e.ports.length, e.ports[0] === e.data.port); e.data.port.postMessage('through') }
      b.port1.onmessage = (e) => seen.push(e.data)
      a.port1.postMessage({ bytes: buffer, port: b.port2 }, [buffer, b.port2])
      await new Promise((r) => setTimeout(r, 5))
      return [buffer.byteLength, seen]`),
  ).toEqual([0, [2, 1, true, 'through']])
})

test('what cannot be sent is a DataCloneError, and nothing is handed over', () => {
  expect(
    evaluate(`const { port1, port2 } = new MessageChannel(), buffer = new ArrayBuffer(2)
      const tell = (f) => { try { return f() } catch (e) { return e.name } }
      return [tell(() => port1.postMessage(() => {}, [buffer])), tell(() => port1.postMessage(port2)), tell(() => port1.postMessage(0, [port1])),
        tell(() => port1.postMessage(0, [buffer, buffer])), tell(() => structuredClone(port1)), tell(() => new MessagePort()), buffer.byteLength]`),
  ).toEqual(['DataCloneError', 'DataCloneError', 'DataCloneError', 'DataCloneError', 'DataCloneError', 'TypeError', 2])
})

test('closing tells the other side, after what was sent', () => {
  expect(
    evaluate(`const { port1, port2 } = new MessageChannel(), seen = []
      port2.onmessage = (e) => seen.push(e.data); port2.onclose = (e) => seen.push(e.type)
      port1.postMessage(1); port1.close(); port1.postMessage(2); port2.postMessage(3)
      await new Promise((r) => setTimeout(r, 5))
      return seen`),
  ).toEqual([1, 'close'])
})
