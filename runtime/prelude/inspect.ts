import { attempt, className, functionTitle, keyText, layOut, MAX_STRING_CHARS, primitive, trimEnd } from './inspect-parts.ts'
import { isError } from './late-primordials.ts'
import { append, type List, newList } from './list.ts'
import { withoutOwnFrames } from './own-frames.ts'
import {
  arrayBufferByteLength,
  arrayIsArray,
  dateToISOString,
  isObject,
  mapForEach,
  mapSize,
  numberToString,
  objectGetOwnPropertyDescriptor,
  objectHasOwn,
  reflectOwnKeys,
  regExpFlags,
  regExpSource,
  setForEach,
  setSize,
  typedArrayLength,
  typedArrayName,
} from './primordials.ts'
import { cut } from './text.ts'

const MAX_DEPTH = 4
const MAX_ITEMS = 100

/** Readable text of any value, at most about `budgetChars` long; getters are shown, not run. */
export function inspect(value: unknown, budgetChars: number): string {
  return new Inspector(budgetChars).show(value, 0, true)
}

class Inspector {
  #left: number
  readonly #path: List<object> = newList()

  constructor(budgetChars: number) {
    this.#left = budgetChars
  }

  show(value: unknown, depth: number, quoted: boolean): string {
    if (isObject(value)) return this.#composite(value, depth)
    const text = primitive(value, quoted)
    this.#left -= text.length
    return text
  }

  #composite(value: object, depth: number): string {
    for (let at = 0; at < this.#path.length; at++) if (this.#path[at] === value) return '[Circular]'
    append(this.#path, value)
    try {
      return this.#open(value, depth)
    } catch {
      return '[object that cannot be shown]'
    } finally {
      this.#path.length--
    }
  }

  #open(value: object, depth: number): string {
    if (typeof value === 'function') return this.#withProperties(functionTitle(value), value, depth, false)
    if (isError(value)) return this.#error(value, depth)
    if (arrayIsArray(value)) return this.#array(value, value.length, '', depth)
    const typed = typedArrayName(value)
    if (typed !== undefined) {
      const length = typedArrayLength(value)
      return this.#array(value as ArrayLike<unknown>, length, `${typed}(${numberToString(length)}) `, depth)
    }
    const name = className(value)
    const known = this.#builtin(value, name, depth)
    if (known !== undefined) return known
    const prefix = name === 'Object' ? '' : name === undefined ? '[Object: null prototype] ' : `${name} `
    return this.#withProperties(prefix, value, depth, true)
  }

  #builtin(value: object, name: string | undefined, depth: number): string | undefined {
    if (name === undefined || name === 'Object') return undefined
    const date = attempt(() => dateToISOString(value as Date))
    if (date !== undefined) return date
    const source = name === 'RegExp' ? attempt(() => `/${regExpSource(value)}/${regExpFlags(value)}`) : undefined
    if (source !== undefined) return source
    const entries = attempt(() => mapSize(value))
    if (entries !== undefined) {
      return this.#each(`${name}(${numberToString(entries)}) `, '{', '}', entries, depth, (each) =>
        mapForEach(value as Map<unknown, unknown>, (item, key) =>
          each(() => `${this.show(key, depth + 1, true)} => ${this.show(item, depth + 1, true)}`),
        ),
      )
    }
    const members = attempt(() => setSize(value))
    if (members !== undefined) {
      return this.#each(`${name}(${numberToString(members)}) `, '{', '}', members, depth, (each) =>
        setForEach(value as Set<unknown>, (item) => each(() => this.show(item, depth + 1, true))),
      )
    }
    const bytes = attempt(() => arrayBufferByteLength(value))
    return bytes === undefined ? undefined : `${name} { byteLength: ${numberToString(bytes)} }`
  }

  #error(error: object, depth: number): string {
    const { stack, message, name } = error as { stack?: unknown; message?: unknown; name?: unknown }
    const title = `${typeof name === 'string' ? name : 'Error'}: ${typeof message === 'string' ? message : ''}`
    const text = typeof stack === 'string' && stack !== '' ? withoutOwnFrames(stack) : `[${title}]`
    this.#left -= text.length
    const shown = cut(text, MAX_STRING_CHARS)
    return this.#withProperties(`${shown} `, error, depth, false)
  }

  #array(items: ArrayLike<unknown>, length: number, prefix: string, depth: number): string {
    return this.#each(prefix, '[', ']', length, depth, (each) => {
      for (let at = 0; at < length && at <= MAX_ITEMS; at++) {
        each(() => (objectHasOwn(items, at) ? this.#property(items, at, depth) : '<empty>'))
      }
    })
  }

  #property(owner: object, key: PropertyKey, depth: number): string {
    const found = objectGetOwnPropertyDescriptor(owner, key)
    if (found === undefined) return 'undefined'
    // Own descriptors have all their fields, so nothing is read from a prototype here.
    if (objectHasOwn(found, 'value')) return this.show(found.value, depth + 1, true)
    return found.get !== undefined ? (found.set !== undefined ? '[Getter/Setter]' : '[Getter]') : '[Setter]'
  }

  /** Own enumerable properties after `prefix`; the braces are left out when there are none and `always` is false. */
  #withProperties(prefix: string, value: object, depth: number, always: boolean): string {
    const keys = reflectOwnKeys(value)
    const shown: List<PropertyKey> = newList()
    for (let at = 0; at < keys.length && shown.length <= MAX_ITEMS; at++) {
      const key = keys[at] as PropertyKey
      const found = objectGetOwnPropertyDescriptor(value, key)
      const isCause = key === 'cause' && isError(value)
      if (found !== undefined && (found.enumerable === true || isCause)) append(shown, key)
    }
    if (shown.length === 0 && !always) return prefix === '' ? prefix : trimEnd(prefix)
    return this.#each(always ? prefix : `${trimEnd(prefix)} `, '{', '}', shown.length, depth, (each) => {
      for (let at = 0; at < shown.length; at++) {
        const key = shown[at] as PropertyKey
        each(() => `${keyText(key)}: ${this.#property(value, key, depth)}`)
      }
    })
  }

  #each(prefix: string, open: string, close: string, size: number, depth: number, visit: (each: (show: () => string) => void) => void): string {
    if (size === 0) return `${prefix}${open}${close}`
    if (depth >= MAX_DEPTH) return open === '[' ? `${prefix}[Array]` : `${prefix}[Object]`
    const parts: List<string> = newList()
    let width = 0
    let count = 0
    visit((show) => {
      count++
      if (count > MAX_ITEMS || this.#left <= 0) return
      const part = show()
      this.#left -= 2
      width += part.length + 2
      append(parts, part)
    })
    if (size > parts.length) append(parts, `… ${numberToString(size - parts.length)} more`)
    return layOut(prefix, open, close, parts, width, depth, (chars) => {
      this.#left -= chars
    })
  }
}
