import { expect, test } from 'vitest'
import { evaluate } from './sandbox.ts'

/** ECMA-429, first edition: interfaces, as far as they do not belong to WebAssembly, which functions do not have. */
const INTERFACES = [
  ...['AbortController', 'AbortSignal', 'Event', 'EventTarget'],
  ...['CustomEvent', 'ErrorEvent', 'MessageChannel', 'MessageEvent', 'MessagePort', 'PromiseRejectionEvent', 'DOMException'],
  ...['Headers', 'Request', 'Response', 'FormData', 'Blob', 'File', 'CompressionStream', 'DecompressionStream'],
  ...['ByteLengthQueuingStrategy', 'CountQueuingStrategy', 'ReadableByteStreamController', 'ReadableStream', 'ReadableStreamBYOBReader'],
  ...['ReadableStreamBYOBRequest', 'ReadableStreamDefaultController', 'ReadableStreamDefaultReader', 'TransformStream'],
  ...['TransformStreamDefaultController', 'WritableStream', 'WritableStreamDefaultController', 'WritableStreamDefaultWriter'],
  ...['TextDecoder', 'TextDecoderStream', 'TextEncoder', 'TextEncoderStream', 'URL', 'URLSearchParams', 'URLPattern'],
  ...['Crypto', 'CryptoKey', 'SubtleCrypto', 'Performance'],
] as const
const FUNCTIONS = [
  ...['atob', 'btoa', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'queueMicrotask', 'structuredClone', 'reportError', 'fetch'],
] as const
const OBJECTS = ['globalThis', 'self', 'console', 'crypto', 'performance', 'navigator'] as const
const ATTRIBUTES = ['onerror', 'onunhandledrejection', 'onrejectionhandled'] as const

test.each(INTERFACES)('there is the interface %s, named and tagged as Web IDL asks', (name) => {
  expect(
    evaluate(
      `const type = globalThis[event], at = Object.getOwnPropertyDescriptor(globalThis, event)
       return [typeof type, type.name, type.prototype[Symbol.toStringTag], at.enumerable, at.writable, at.configurable]`,
      { event: name },
    ),
  ).toEqual(['function', name, name, false, true, true])
})

test('there are the functions and objects of the list', () => {
  expect(evaluate('return event.map((name) => typeof globalThis[name])', { event: FUNCTIONS })).toEqual(FUNCTIONS.map(() => 'function'))
  expect(evaluate('return event.map((name) => typeof globalThis[name])', { event: OBJECTS })).toEqual(OBJECTS.map(() => 'object'))
  expect(
    evaluate('return [navigator.userAgent, crypto.subtle instanceof SubtleCrypto, crypto instanceof Crypto, performance instanceof Performance]'),
  ).toEqual(['isolane', true, true, true])
})

test('the global object is an event target with its attributes', () => {
  expect(
    evaluate('return [globalThis instanceof EventTarget, event.map((name) => [name in globalThis, globalThis[name]])]', { event: ATTRIBUTES }),
  ).toEqual([true, ATTRIBUTES.map(() => [true, null])])
})

test('onerror is told the parts of an error nobody caught, and true keeps it out of the log', () => {
  expect(
    evaluate(`const seen = []; onerror = (message, file, line, column, error) => { seen.push(message, typeof file, line, column, error.name); return true }
      reportError(new TypeError('lost')); onerror = null; return [seen, onerror]`),
  ).toEqual([['lost', 'string', 0, 0, 'TypeError'], null])
})

test('an attribute holds functions and objects, and drops everything else', () => {
  expect(
    evaluate(
      `const f = () => {}; onunhandledrejection = f; const held = onunhandledrejection === f; onunhandledrejection = 'no'; return [held, onunhandledrejection]`,
    ),
  ).toEqual([true, null])
})
