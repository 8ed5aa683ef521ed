import { append, type List, newList } from './list.ts'
import { jsonStringify, SafeTypeError, stringCharCodeAt, stringSlice, stringToLowerCase } from './primordials.ts'
import { toText } from './text.ts'

/** Headers as the prelude keeps them: names in lower case, a repeated header is a repeated pair. */
export class HeaderList {
  readonly names: List<string> = newList()
  readonly values: List<string> = newList()
  /** Grows with every change. */
  version = 0

  append(name: string, value: string): void {
    this.version++
    append(this.names, name)
    append(this.values, value)
  }

  has(name: string): boolean {
    for (let at = 0; at < this.names.length; at++) if (this.names[at] === name) return true
    return false
  }

  /** All values of that name joined by `, `; `null` when there is none. */
  get(name: string): string | null {
    let joined: string | null = null
    for (let at = 0; at < this.names.length; at++) {
      if (this.names[at] === name) joined = joined === null ? (this.values[at] as string) : `${joined}, ${this.values[at]}`
    }
    return joined
  }

  /** Puts the value in place of the first of that name and drops the others; appends when there is none. */
  set(name: string, value: string): void {
    let kept = 0
    let placed = false
    for (let at = 0; at < this.names.length; at++) {
      if (this.names[at] === name) {
        if (placed) continue
        this.values[at] = value
        placed = true
      }
      this.names[kept] = this.names[at] as string
      this.values[kept++] = this.values[at] as string
    }
    this.#cut(kept)
    if (!placed) this.append(name, value)
  }

  delete(name: string): void {
    let kept = 0
    for (let at = 0; at < this.names.length; at++) {
      if (this.names[at] === name) continue
      this.names[kept] = this.names[at] as string
      this.values[kept++] = this.values[at] as string
    }
    this.#cut(kept)
  }

  copy(): HeaderList {
    const copy = new HeaderList()
    for (let at = 0; at < this.names.length; at++) copy.append(this.names[at] as string, this.values[at] as string)
    return copy
  }

  #cut(length: number): void {
    this.version++
    this.names.length = length
    this.values.length = length
  }
}

/** Characters of a token of RFC 9110 §5.6.2, by code. */
const IS_TOKEN: boolean[] = []
for (let code = 0; code < 128; code++) IS_TOKEN[code] = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code))

/** Whether it is a token of RFC 9110: what names of headers and methods are made of. */
export function isToken(text: string): boolean {
  let valid = text.length > 0
  for (let at = 0; at < text.length && valid; at++) {
    const code = stringCharCodeAt(text, at)
    valid = code < 128 && (IS_TOKEN[code] as boolean)
  }
  return valid
}

export function toHeaderName(value: unknown): string {
  const name = toText(value)
  if (!isToken(name)) throw new SafeTypeError(`Cannot use ${jsonStringify(name)} as a header name: allowed are letters, digits and !#$%&'*+-.^_\`|~`)
  return stringToLowerCase(name)
}

export function toHeaderValue(name: string, value: unknown): string {
  const text = toText(value)
  let from = 0
  let to = text.length
  while (from < to && isSpace(stringCharCodeAt(text, from))) from++
  while (to > from && isSpace(stringCharCodeAt(text, to - 1))) to--
  for (let at = from; at < to; at++) {
    const code = stringCharCodeAt(text, at)
    if (code === 0 || code === 10 || code === 13) throw new SafeTypeError(`Cannot set the header ${name}: its value has a line break or NUL in it`)
    if (code > 255) throw new SafeTypeError(`Cannot set the header ${name}: its value has the character ${text[at]}, which is outside Latin-1`)
  }
  return from === 0 && to === text.length ? text : stringSlice(text, from, to)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d
}
