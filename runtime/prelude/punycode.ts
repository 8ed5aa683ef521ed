// RFC 3492 with the parameters of section 5.
const BASE = 36
const T_MIN = 1
const T_MAX = 26
const SKEW = 38
const DAMP = 700
const INITIAL_BIAS = 72
const INITIAL_CODE = 128
const MAX_CODE = 0x10ffff
const MAX_INT = 0x7fffffff
const DIGITS = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** The text that `encoded` (without `xn--`) stands for; undefined when it stands for none. */
export function decodePunycode(encoded: string): string | undefined {
  const end = encoded.lastIndexOf('-')
  const codes = Array.from(end > 0 ? encoded.slice(0, end) : '', (character) => character.codePointAt(0) as number)
  let code = INITIAL_CODE
  let place = 0
  let bias = INITIAL_BIAS
  for (let at = end > 0 ? end + 1 : 0; at < encoded.length; ) {
    const before = place
    for (let weight = 1, k = BASE; ; k += BASE) {
      const digit = at < encoded.length ? DIGITS.indexOf((encoded[at++] as string).toLowerCase()) : -1
      if (digit < 0) return undefined
      place += digit * weight
      const t = threshold(k, bias)
      if (digit < t) break
      weight *= BASE - t
      if (place > MAX_INT || weight > MAX_INT) return undefined
    }
    const length = codes.length + 1
    bias = adapt(place - before, length, before === 0)
    code += Math.floor(place / length)
    place %= length
    if (code > MAX_CODE || (code >= 0xd800 && code < 0xe000)) return undefined
    codes.splice(place++, 0, code)
  }
  return codes.map((one) => String.fromCodePoint(one)).join('')
}

/** The text in Punycode, without `xn--`. */
export function encodePunycode(text: string): string {
  const codes = Array.from(text, (character) => character.codePointAt(0) as number)
  const basic = codes.filter((code) => code < INITIAL_CODE)
  let encoded = String.fromCodePoint(...basic)
  if (basic.length > 0) encoded += '-'
  let handled = basic.length
  let code = INITIAL_CODE
  let delta = 0
  let bias = INITIAL_BIAS
  while (handled < codes.length) {
    const next = codes.reduce((least, one) => (one >= code && one < least ? one : least), MAX_CODE)
    delta += (next - code) * (handled + 1)
    code = next
    for (const one of codes) {
      if (one < code) delta++
      if (one !== code) continue
      encoded += digitsOf(delta, bias)
      bias = adapt(delta, handled + 1, handled === basic.length)
      delta = 0
      handled++
    }
    delta++
    code++
  }
  return encoded
}

/** A delta as a generalized variable-length integer. */
function digitsOf(delta: number, bias: number): string {
  let digits = ''
  let left = delta
  for (let k = BASE; ; k += BASE) {
    const t = threshold(k, bias)
    if (left < t) return digits + DIGITS[left]
    digits += DIGITS[t + ((left - t) % (BASE - t))]
    left = Math.floor((left - t) / (BASE - t))
  }
}

function threshold(k: number, bias: number): number {
  return Math.min(Math.max(k - bias, T_MIN), T_MAX)
}

function adapt(delta: number, length: number, isFirst: boolean): number {
  let left = Math.floor(delta / (isFirst ? DAMP : 2))
  left += Math.floor(left / length)
  let k = 0
  for (; left > ((BASE - T_MIN) * T_MAX) / 2; k += BASE) left = Math.floor(left / (BASE - T_MIN))
  return k + Math.floor(((BASE - T_MIN + 1) * left) / (left + SKEW))
}
