import { PRELUDE_FILE } from './attach.ts'
import { regExpExec, stringIncludes, stringIndexOf, stringSlice } from './primordials.ts'

/** What is kept of a stack. */
export const MAX_STACK_CHARS = 8_000

/** A whole line of a stack as V8 writes it: `at name (file:line:column)` or `at file:line:column`, and nothing after it. */
const OWN_FRAME = new RegExp(`^\\s+at (?:async )?(?:[^()]* \\()?${PRELUDE_FILE}(?::\\d+)*\\)?$`)
const NATIVE_FRAME = /^\s+at [^()]* \(<anonymous>\)$/

/**
 * A text without the stack frames of the prelude, which say nothing to an author. Its first line stays whatever it is,
 * and so does every line that holds anything besides such a frame.
 */
export function withoutOwnFrames(text: string): string {
  if (!stringIncludes(text, PRELUDE_FILE)) return text
  let kept = ''
  for (let from = 0; from <= text.length; ) {
    const line = lineAt(text, from)
    if (from === 0) kept = line
    else if (!isFrame(OWN_FRAME, line)) kept += `\n${line}`
    from += line.length + 1
  }
  return kept
}

/** The frames of a stack taken inside the prelude that stand below the prelude's own: where its author called it. Empty when there are none. */
export function callersFrames(stack: string): string {
  let isWithin = false
  for (let from = 0; from < stack.length; ) {
    const line = lineAt(stack, from)
    if (isFrame(OWN_FRAME, line)) isWithin = true
    // `new Promise (<anonymous>)`, and the `Array.map (<anonymous>)` that called the prelude itself.
    else if (isWithin && !isFrame(NATIVE_FRAME, line)) return withoutOwnFrames(stringSlice(stack, from))
    from += line.length + 1
  }
  return ''
}

function lineAt(text: string, from: number): string {
  const end = stringIndexOf(text, '\n', from)
  return end === -1 ? stringSlice(text, from) : stringSlice(text, from, end)
}

function isFrame(kind: RegExp, line: string): boolean {
  return regExpExec(kind, line) !== null
}
