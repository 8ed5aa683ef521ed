import { expect, test } from 'vitest'
import { uncaughtText } from '../../../runtime/cell/uncaught-text.ts'

function error(name: string, message: string, stack: string): Error {
  return Object.assign(new Error(message), { name, stack })
}

test('what nobody caught is told by name, message and the function’s own frames', () => {
  const stack = [
    'RangeError: two\nlines',
    '    at go (file:///function.js:3:4)',
    '    at Array.map (<anonymous>)',
    '    at async file:///function.js:5:6',
    '    at run (isolane:prelude:23:50960)',
    '    at (<isolated-vm boundary>)',
    '    at enter (file:///srv/isolane/runtime/cell/sandbox.ts:112:19)',
    '    at process.processTicksAndRejections (node:internal/process/task_queues:104:5)',
  ].join('\n')
  expect(uncaughtText(error('RangeError', 'two\nlines', stack))).toBe(
    'RangeError: two\nlines\n    at go (file:///function.js:3:4)\n    at Array.map (<anonymous>)\n    at async file:///function.js:5:6',
  )
})

test.each([
  ['a text', 'words', 'words'],
  ['undefined', undefined, 'undefined'],
  [
    'an object',
    error('Error', 'An object was thrown from supplied code within isolated-vm, but that object was not an instance of `Error`.', ''),
    /not an Error/,
  ],
  ['an error without a message', error('Own', '', 'Own\n    at file:///function.js:1:2'), 'Own\n    at file:///function.js:1:2'],
  [
    'an error whose stack is somebody else’s',
    error('Error', 'm', 'own\n at /x\n    at (<isolated-vm boundary>)\n    at f (/srv/x.ts:1:1)'),
    'Error: m',
  ],
  ['a very long text', 'x'.repeat(10_000), /^x{4096}$/],
])('%s is told too', (_, thrown, wanted) => {
  expect(uncaughtText(thrown)).toEqual(typeof wanted === 'string' ? wanted : expect.stringMatching(wanted))
})
