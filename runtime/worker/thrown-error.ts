import type { ThrownError } from '../contract/outcome.ts'

/** Reads what the guest says of its error. It is for the author's eyes only, but it is still a stranger's bytes: bounded, and never a crash. */
export function parseThrownError(text: Buffer): ThrownError {
  try {
    const { name, message, stack } = JSON.parse(text.toString('utf8', 0, Math.min(text.length, MAX_BYTES))) as Record<string, unknown>
    return { name: cut(name, 100) || 'Error', message: cut(message, 4_000), stack: cut(stack, 8_000) }
  } catch {
    return { name: 'Error', message: 'the error could not be read', stack: '' }
  }
}

/** What isolated-vm says of a script that did not even evaluate, such as `SyntaxError: Invalid regular expression …`. */
export function parseUncaught(text = 'the module did not load'): ThrownError {
  const [, name = 'Error', message = ''] = /^(?:(\w{1,100}): )?([^\n]*)/.exec(text) ?? []
  return { name, message, stack: text.includes('\n') ? text : '' }
}

const MAX_BYTES = 128 * 1024

function cut(value: unknown, chars: number): string {
  return typeof value === 'string' ? value.slice(0, chars) : ''
}
