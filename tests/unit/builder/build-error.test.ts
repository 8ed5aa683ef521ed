import { expect, test } from 'vitest'
import { describeBuildError, toBuildError } from '../../../platform/builder/build-error.ts'

function at(lineText: string, character: number, line = 12) {
  const column = Buffer.byteLength(lineText.slice(0, character))
  return toBuildError({ text: 'oops', location: { file: 'upload:a.ts', line, column, lineText } }, 'upload')
}

test('the caret stands under the offending character', () => {
  expect(describeBuildError(at('let é = foo bar', 12))).toBe('a.ts:12:13: oops\n  12 | let é = foo bar\n     |             ^')
})

test('tabs stay tabs before the caret', () => {
  expect(describeBuildError(at('\t\tfoo bar', 6))).toMatch(/\n {5}\| \t\t {4}\^$/)
})

test.each([0, 5, 59, 60, 61, 300, 4_990, 4_999])('a long line is cut to a window in which the caret still fits, character %i', (character) => {
  const line = Array.from({ length: 5_000 }, (_, i) => (i === character ? '!' : 'x')).join('')
  const [, shown = '', caret = ''] = describeBuildError(at(line, character)).split('\n')
  expect(shown.length).toBeLessThan(140)
  expect(shown[caret.indexOf('^')]).toBe('!')
})

test('an error without a place is just its text', () => {
  expect(describeBuildError(toBuildError({ text: 'oops', location: null }, 'upload'))).toBe('oops')
})
