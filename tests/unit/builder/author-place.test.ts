import { expect, test } from 'vitest'
import { toAuthorPlace } from '../../../platform/builder/author-place.ts'
import type { Upload } from '../../../platform/builder/built.ts'

const UPLOAD: Upload = {
  mainModule: 'index.ts',
  modules: new Map([
    ['index.ts', { bytes: Buffer.from("import { shout } from './lib/shout.ts'\nshout('x')\n") }],
    ['lib/shout.ts', { bytes: Buffer.from('\r\nexport function shout(what) {\r\n  throw new RangeError(what)\r\n}') }],
  ]),
}

test.each([
  ['a named function', '    at shout (lib/shout.ts:3:9)\n    at index.ts:2:1'],
  ['a function without a name', '    at lib/shout.ts:3:9\n    at index.ts:2:1'],
  ['an async function', '    at async lib/shout.ts:3:9'],
  ['an async method', '    at async Shop.shout [as call] (lib/shout.ts:3:9)'],
  ['the engine, which the author’s called', '    at JSON.parse (<anonymous>)\n    at shout (lib/shout.ts:3:9)'],
  ['a file nobody uploaded, which the author’s called', '    at f (lib/other.ts:1:1)\n    at shout (lib/shout.ts:3:9)'],
  ['a line its file does not have, below a frame that is real', '    at shout (lib/shout.ts:400:9)\n    at shout (lib/shout.ts:3:9)'],
])('a stack that begins in %s points to the uploaded line', (_, frames) => {
  expect(toAuthorPlace('RangeError: x', `RangeError: x\n${frames}`, UPLOAD)).toEqual({
    text: 'RangeError: x',
    file: 'lib/shout.ts',
    line: 3,
    column: 9,
    lineText: '  throw new RangeError(what)',
  })
})

test('what the engine could not parse is placed by its message', () => {
  const text = 'SyntaxError: Invalid regular expression: /(/: Unterminated group [index.ts:2:7]'
  expect(toAuthorPlace(text, '', UPLOAD)).toEqual({ text, file: 'index.ts', line: 2, column: 7, lineText: "shout('x')" })
})

test('what was bundled before the upload has a place, where nothing of the upload itself has one', () => {
  expect(toAuthorPlace('Error: x', 'Error: x\n    at f (src/own.ts:3:9)\n    at src/main.ts:1:1', UPLOAD)).toEqual({
    text: 'Error: x',
    file: 'src/own.ts',
    line: 3,
    column: 9,
  })
})

test('a stack without a frame of the upload has no place, and is no error of ours', () => {
  for (const stack of ['', 'Error: x\n    at nowhere', '    at file:///function.js:3:4', `${' '.repeat(8_000)}at (((`, '\n'.repeat(8_000)]) {
    expect(toAuthorPlace('Error: x', stack, UPLOAD)).toEqual({ text: 'Error: x' })
  }
})
