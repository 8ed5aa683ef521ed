import { PRELUDE_FILE } from './attach.ts'
import { stringIncludes, stringIndexOf, stringSlice } from './primordials.ts'

/** A stack without the prelude's own frames, which say nothing to an author. */
export function withoutOwnFrames(stack: string): string {
  if (!stringIncludes(stack, PRELUDE_FILE)) return stack
  let kept = ''
  for (let from = 0; from < stack.length; ) {
    const end = stringIndexOf(stack, '\n', from)
    const to = end === -1 ? stack.length : end + 1
    const line = stringSlice(stack, from, to)
    if (!stringIncludes(line, PRELUDE_FILE)) kept += line
    from = to
  }
  return stringSlice(kept, -1) === '\n' ? stringSlice(kept, 0, -1) : kept
}
