import { SCRIPT_NAME } from '../contract/artifact.ts'

const MAX_CHARS = 4_096
/** What isolated-vm makes of a thrown object that is no Error. */
const NO_ERROR = /^An object was thrown from supplied code within isolated-vm/
/** A frame of the function's own or of the engine's: everything else that isolated-vm puts into a stack is this process's. */
const GUEST_FRAME = new RegExp(`^ {4}at (?:.* \\(|async )?(?:${SCRIPT_NAME.replaceAll('.', '\\.')}:\\d+:\\d+|<anonymous>)\\)?$`)

/** What a sandbox left uncaught, as its author would read it: name, message and his own frames. */
export function uncaughtText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown).slice(0, MAX_CHARS)
  const { name, message, stack = '' } = thrown
  if (NO_ERROR.test(message)) return 'an object that is not an Error'
  const title = message === '' ? name : `${name}: ${message}`
  const frames = stack.slice(stack.startsWith(title) ? title.length : 0).split('\n')
  return [title, ...frames.filter((line) => GUEST_FRAME.test(line))].join('\n').slice(0, MAX_CHARS)
}
