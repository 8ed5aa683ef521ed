import { currentCall } from './call.ts'
import type { List } from './list.ts'
import {
  bigintToString,
  functionToString,
  jsonStringify,
  numberToString,
  objectGetOwnPropertyDescriptor,
  objectGetPrototypeOf,
  regExpExec,
  stringIncludes,
  stringRepeat,
  stringSlice,
  stringStartsWith,
  symbolToString,
} from './primordials.ts'
import { cut } from './text.ts'

export const MAX_STRING_CHARS = 2_000
const ONE_LINE_CHARS = 100
const PLAIN_KEY = /^[A-Za-z_$][\w$]*$/

export function layOut(
  prefix: string,
  open: string,
  close: string,
  parts: List<string>,
  width: number,
  depth: number,
  spend: (chars: number) => void,
): string {
  let broken = width > ONE_LINE_CHARS
  for (let at = 0; at < parts.length && !broken; at++) broken = stringIncludes(parts[at] as string, '\n')
  const indent = stringRepeat('  ', depth + 1 + currentCall().logIndent)
  const outer = stringRepeat('  ', depth + currentCall().logIndent)
  let text = broken ? `${prefix}${open}\n` : `${prefix}${open} `
  for (let at = 0; at < parts.length; at++) {
    const last = at === parts.length - 1
    text += broken ? `${indent}${parts[at]}${last ? '' : ','}\n` : `${parts[at]}${last ? ' ' : ', '}`
  }
  spend(prefix.length + 4)
  return broken ? `${text}${outer}${close}` : `${text}${close}`
}

export function primitive(value: unknown, quoted: boolean): string {
  switch (typeof value) {
    case 'string':
      return quoted ? quote(cut(value, MAX_STRING_CHARS)) : value
    case 'number':
      return value === 0 && 1 / value < 0 ? '-0' : numberToString(value)
    case 'bigint':
      return `${bigintToString(value)}n`
    case 'symbol':
      return symbolToString(value)
    case 'boolean':
      return value ? 'true' : 'false'
    default:
      return value === null ? 'null' : 'undefined'
  }
}

export function quote(text: string): string {
  const json = jsonStringify(text)
  return stringIncludes(text, "'") || stringIncludes(text, '"') || stringIncludes(text, '\\') ? json : `'${stringSlice(json, 1, -1)}'`
}

export function keyText(key: PropertyKey): string {
  if (typeof key === 'symbol') return `[${symbolToString(key)}]`
  const text = typeof key === 'number' ? numberToString(key) : key
  return regExpExec(PLAIN_KEY, text) === null ? quote(text) : text
}

export function functionTitle(value: object): string {
  const name = objectGetOwnPropertyDescriptor(value, 'name')?.value
  const kind = stringStartsWith(functionToString(value), 'class') ? 'class' : 'Function'
  return typeof name === 'string' && name !== '' ? `[${kind} ${name}]` : `[${kind} (anonymous)]`
}

/** Name of the nearest constructor on the prototype chain; `undefined` for an object without one. */
export function className(value: object): string | undefined {
  for (let proto: object | null = value; proto !== null; proto = objectGetPrototypeOf(proto)) {
    const maker = objectGetOwnPropertyDescriptor(proto, 'constructor')?.value
    if (typeof maker !== 'function') continue
    const name = objectGetOwnPropertyDescriptor(maker, 'name')?.value
    if (typeof name === 'string' && name !== '') return cut(name, 100)
  }
  return undefined
}

export function trimEnd(text: string): string {
  return stringSlice(text, -1) === ' ' ? stringSlice(text, 0, -1) : text
}

export function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
