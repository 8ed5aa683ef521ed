import { inspect } from './inspect.ts'
import { MAX_STACK_CHARS, withoutOwnFrames } from './own-frames.ts'
import { isObject, jsonStringify, objectHasOwn } from './primordials.ts'
import { cut, toText } from './text.ts'

const MAX_NAME_CHARS = 100
const MAX_MESSAGE_CHARS = 4_000
/** How many causes are shown: the cause, its cause, and the cause of that. */
const MAX_CAUSES = 3

/**
 * A ThrownError of the contract, as JSON, from whatever was thrown: errors, null, symbols, proxies, objects whose
 * getters throw. Runs user code (getters), so it is called inside a slice only.
 */
export function thrownErrorText(thrown: unknown): string {
  if (!isObject(thrown)) return errorText('NonError', inspect(thrown, MAX_MESSAGE_CHARS), '')
  const name = read(thrown, 'name')
  const message = read(thrown, 'message')
  const stack = read(thrown, 'stack')
  if (message === undefined && stack === undefined) return errorText('NonError', inspect(thrown, MAX_MESSAGE_CHARS), '')
  return errorText(name ?? 'Error', withHelp(name, message ?? ''), joined(stack ?? '', causesText(thrown)))
}

/** A line `[cause]: …` for each, with its stack if it has one. */
function causesText(thrown: object): string {
  let text = ''
  let effect: object = thrown
  for (let count = 0; count < MAX_CAUSES && text.length < MAX_STACK_CHARS; count++) {
    const cause = causeOf(effect)
    if (cause === undefined || cause === effect) break
    const stack = isObject(cause) ? read(cause, 'stack') : undefined
    if (stack === undefined || stack === '') return joined(text, `[cause]: ${inspect(cause, MAX_MESSAGE_CHARS)}`)
    text = joined(text, `[cause]: ${cut(stack, MAX_STACK_CHARS)}`)
    effect = cause as object
  }
  return text
}

function joined(above: string, below: string): string {
  return above === '' || below === '' ? above + below : `${above}\n${below}`
}

/** Its own only: one on a prototype says nothing about this error. */
function causeOf(thrown: object): unknown {
  try {
    return objectHasOwn(thrown, 'cause') ? (thrown as { cause?: unknown }).cause : undefined
  } catch {
    return undefined
  }
}

/** The one name that is missing only until its author asks for it. */
function withHelp(name: string | undefined, message: string): string {
  return name === 'ReferenceError' && message === 'WebAssembly is not defined' ? `${message}: it is off; upload the function with wasm=true` : message
}

export function errorText(name: string, message: string, stack: string): string {
  const fields = [
    jsonStringify(cut(name, MAX_NAME_CHARS)),
    jsonStringify(cut(message, MAX_MESSAGE_CHARS)),
    jsonStringify(cut(withoutOwnFrames(stack), MAX_STACK_CHARS)),
  ] as const
  return `{"name":${fields[0]},"message":${fields[1]},"stack":${fields[2]}}`
}

function read(thrown: object, field: 'name' | 'message' | 'stack'): string | undefined {
  try {
    const value = (thrown as Record<string, unknown>)[field]
    return value === undefined ? undefined : toText(value)
  } catch {
    return undefined
  }
}
