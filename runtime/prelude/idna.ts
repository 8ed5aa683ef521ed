import { bidiClassOf, isMark, joiningTypeOf, treatmentOf } from './idna-tables.ts'
import { decodePunycode, encodePunycode } from './punycode.ts'

// Stands in for the `tr46` package inside whatwg-url, whose tables are larger than everything else together.

const PLAIN = /^[\0-\x7f]*$/

/**
 * UTS #46 ToASCII as the URL Standard asks for it: CheckBidi and CheckJoiners, not transitional, neither CheckHyphens nor
 * UseSTD3ASCIIRules nor VerifyDnsLength. `null`: not a domain.
 */
export function toASCII(domain: string): string | null {
  if (PLAIN.test(domain)) {
    const lower = domain.toLowerCase()
    if (!lower.includes('xn--')) return lower
  }
  const labels = mapped(domain).normalize('NFC').split('.')
  const unicode: string[] = []
  for (const label of labels) {
    const text = label.startsWith('xn--') ? labelText(label) : label
    if (text === undefined) return null
    unicode.push(text)
  }
  const isBidi = unicode.some((label) => Array.from(label).some(isRightToLeft))
  if (!unicode.every((label) => isValidLabel(label, isBidi))) return null
  return unicode.map((label) => (PLAIN.test(label) ? label : `xn--${encodePunycode(label)}`)).join('.')
}

/** UTS #46 §4.1: what an `xn--` label stands for; undefined when it is not one. */
function labelText(label: string): string | undefined {
  if (!PLAIN.test(label)) return undefined
  const text = decodePunycode(label.slice(4))
  return text === undefined || PLAIN.test(text) ? undefined : text
}

/** UTS #46 §4, step 1. What is disallowed stays, for the check to find. */
function mapped(domain: string): string {
  let text = ''
  for (const character of domain) {
    const treatment = treatmentOf(character)
    if (treatment === 'ignored') continue
    text += typeof treatment === 'string' ? character : treatment.text
  }
  return text
}

/** UTS #46 §4.1, the validity criteria. */
function isValidLabel(label: string, isBidi: boolean): boolean {
  if (label === '') return true
  if (label.normalize('NFC') !== label || label.startsWith('xn--') || label.includes('.') || isMark(label)) return false
  const characters = Array.from(label)
  return (
    characters.every((character) => treatmentOf(character) === 'valid') &&
    characters.every((character, at) => (character !== '\u200c' && character !== '\u200d') || mayJoin(characters, at)) &&
    (!isBidi || keepsDirection(characters))
  )
}

const LEFT = 1
const RIGHT = 2
const BOTH = 3
const TRANSPARENT = 4
const VIRAMA = 5

/** RFC 5892, appendix A.1 and A.2: after a virama; a non-joiner also between two letters that would join. */
function mayJoin(characters: readonly string[], at: number): boolean {
  if (at > 0 && joiningTypeOf(characters[at - 1] as string) === VIRAMA) return true
  if (characters[at] !== '\u200c') return false
  let before = at - 1
  while (before >= 0 && isTransparent(characters[before] as string)) before--
  let after = at + 1
  while (after < characters.length && isTransparent(characters[after] as string)) after++
  const left = before < 0 ? 0 : joiningTypeOf(characters[before] as string)
  const right = after === characters.length ? 0 : joiningTypeOf(characters[after] as string)
  return (left === LEFT || left === BOTH) && (right === RIGHT || right === BOTH)
}

function isTransparent(character: string): boolean {
  const type = joiningTypeOf(character)
  // Every virama is transparent too.
  return type === TRANSPARENT || type === VIRAMA
}

const L = 1
const R = 2
const AN = 3
const EN = 4
const NSM = 6

function isRightToLeft(character: string): boolean {
  const type = bidiClassOf(character)
  return type === R || type === AN
}

/** RFC 5893 §2, the rules 1 to 6. */
function keepsDirection(characters: readonly string[]): boolean {
  const types = characters.map(bidiClassOf)
  const [first] = types
  let last = types.length - 1
  while (last > 0 && types[last] === NSM) last--
  const end = types[last]
  if (first === L) return types.every((type) => type !== 0 && type !== R && type !== AN) && (end === L || end === EN)
  if (first !== R) return false
  if (types.includes(AN) && types.includes(EN)) return false
  return types.every((type) => type !== 0 && type !== L) && (end === R || end === AN || end === EN)
}
