import { SafeString, SafeTypeError, stringCharCodeAt, stringSlice, stringToWellFormed } from './primordials.ts'

/** WebIDL's DOMString: like `String(value)`, but a symbol is a TypeError. */
export function toText(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'symbol') throw new SafeTypeError('Cannot convert a Symbol to a string')
  return SafeString(value)
}

/** WebIDL's USVString: lone surrogates become U+FFFD. */
export function toUsvText(value: unknown): string {
  return stringToWellFormed(toText(value))
}

/** At most `max` UTF-16 units; what was cut off is shown as `…`. */
export function cut(text: string, max: number): string {
  return text.length <= max ? text : `${stringSlice(text, 0, max - 1)}…`
}

/** Bytes of the text in UTF-8. Exact for well-formed text; a lone surrogate counts as the 3 bytes of U+FFFD. */
export function utf8Length(text: string): number {
  let bytes = text.length
  for (let at = 0; at < text.length; at++) {
    const unit = stringCharCodeAt(text, at)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text, at + 1)) {
      bytes += 2
      at++
    } else bytes += 2
  }
  return bytes
}

function isLowSurrogate(text: string, at: number): boolean {
  if (at >= text.length) return false
  const unit = stringCharCodeAt(text, at)
  return unit >= 0xdc00 && unit < 0xe000
}
