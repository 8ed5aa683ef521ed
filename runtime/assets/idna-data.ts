import { createRequire } from 'node:module'
import { guessTreatment, type Treatment } from '../prelude/idna-guess.ts'

// whatwg-url's own tables, as its package tr46 has them: [code point or [first, last], status, mapping?].
type MappingRow = readonly [number | readonly [number, number], number, string?]
const require = createRequire(createRequire(import.meta.url).resolve('whatwg-url'))
const rows = require('tr46/lib/mappingTable.json') as readonly MappingRow[]
const regexes = require('tr46/lib/regexes.js') as Readonly<Record<string, RegExp>>

const CODE_POINTS = 0x110000
const MAPPED = 1
const DISALLOWED = 3
const IGNORED = 7

/**
 * The tables of UTS #46 and RFC 5893 as the module `isolane:idna-data`: functions that return text, so that an
 * isolate that never sees such a host holds nothing but their source. Read by prelude/idna-tables.ts.
 */
export function idnaDataModule(): string {
  return [
    `export const exceptions = () => ${JSON.stringify(packExceptions())}`,
    `export const newMarks = () => ${JSON.stringify(packNewMarks())}`,
    `export const bidi = () => ${JSON.stringify(packClasses(bidiClasses()))}`,
    `export const joining = () => ${JSON.stringify(packClasses(joiningClasses()))}`,
  ].join('\n')
}

/**
 * Where the table differs from what the engine lets one expect: `first[-last]` in base 36 and a letter: `v`alid,
 * `d`isallowed, `i`gnored, or `m` and the code points of the mapping, joined by `.`; entries joined by a space.
 */
function packExceptions(): string {
  const entries: { first: number; last: number; treatment: string }[] = []
  for (const [span, status, mapping] of rows) {
    const [first, last] = typeof span === 'number' ? [span, span] : span
    const treatment = toTreatment(status, mapping)
    const packed = packTreatment(treatment)
    for (let code = first; code <= last; code++) {
      if (packTreatment(guessTreatment(String.fromCodePoint(code))) === packed) continue
      const before = entries.at(-1)
      if (before?.last === code - 1 && before.treatment === packed) before.last = code
      else entries.push({ first: code, last: code, treatment: packed })
    }
  }
  return entries.map(({ first, last, treatment }) => `${base36(first)}${last === first ? '' : `-${base36(last)}`}${treatment}`).join(' ')
}

/** Combining marks that the engine, of another version of Unicode, does not know for such: code points in base 36. */
function packNewMarks(): string {
  const marks: string[] = []
  for (const [first, last] of setOf('combiningMarks')) {
    for (let code = first; code <= last; code++) if (!/\p{M}/u.test(String.fromCodePoint(code))) marks.push(base36(code))
  }
  return marks.join(' ')
}

/** Deviations count as valid: the mapping is never transitional here. */
function toTreatment(status: number, mapping: string | undefined): Treatment {
  if (status === MAPPED) return { text: mapping ?? '' }
  return status === DISALLOWED ? 'disallowed' : status === IGNORED ? 'ignored' : 'valid'
}

/** Capital letters: base 36 is in small ones. */
function packTreatment(treatment: Treatment): string {
  if (typeof treatment === 'string') return (treatment[0] as string).toUpperCase()
  return `M${Array.from(treatment.text, (character) => base36(character.codePointAt(0) as number)).join('.')}`
}

/** RFC 5893's classes as far as its rules tell them apart: none, L, R and AL, AN, EN, the neutral ones, NSM. */
function bidiClasses(): Uint8Array {
  const classes = new Uint8Array(CODE_POINTS)
  // In this order: the later sets are the narrower ones.
  fill(classes, 5, setOf('bidiS2'))
  fill(classes, 6, setOf('bidiS3', 1))
  fill(classes, 1, setOf('bidiS1LTR'))
  fill(classes, 2, setOf('bidiS1RTL'))
  fill(classes, 3, setOf('bidiS4AN'))
  fill(classes, 4, setOf('bidiS4EN'))
  return classes
}

/** RFC 5892's joining types: none, left, right, both, transparent; and 5 for a virama. */
function joiningClasses(): Uint8Array {
  const classes = new Uint8Array(CODE_POINTS)
  const right = setOf('validZWNJ', 3)
  fill(classes, 1, setOf('validZWNJ', 0))
  for (const [first, last] of right) for (let code = first; code <= last; code++) classes[code] = classes[code] === 1 ? 3 : 2
  fill(classes, 4, setOf('validZWNJ', 1))
  fill(classes, 5, setOf('combiningClassVirama'))
  return classes
}

function fill(classes: Uint8Array, value: number, set: readonly (readonly [number, number])[]): void {
  for (const [first, last] of set) classes.fill(value, first, last + 1)
}

/** The nth bracketed set of one of tr46's regular expressions, as ranges. */
function setOf(name: string, nth = 0): [number, number][] {
  const set = [...(regexes[name] as RegExp).source.matchAll(/\[((?:[^\]\\]|\\.)*)\]/g)][nth]?.[1]
  if (set === undefined) throw new Error(`Cannot pack the IDNA tables: tr46's ${name} has no set ${nth}`)
  const members = [...set.matchAll(/\\u\{([0-9A-F]+)\}|\\u([0-9A-F]{4})|\\x([0-9A-F]{2})|\\(0)|\\(.)|(-)|(.)/gu)]
  const ranges: [number, number][] = []
  for (let at = 0; at < members.length; at++) {
    const code = codeOf(members[at] as RegExpExecArray)
    const isRange = members[at + 1]?.[6] !== undefined && members[at + 2] !== undefined
    ranges.push([code, isRange ? codeOf(members[at + 2] as RegExpExecArray) : code])
    if (isRange) at += 2
  }
  return ranges
}

function codeOf([, long, short, byte, zero, escaped, dash, plain]: RegExpExecArray): number {
  const hex = long ?? short ?? byte
  if (hex !== undefined) return Number.parseInt(hex, 16)
  if (zero !== undefined) return 0
  // \t and its like are the only letters that mean something else.
  if (escaped !== undefined) return ({ t: 9, n: 10, v: 11, f: 12, r: 13 } as Record<string, number>)[escaped] ?? escaped.charCodeAt(0)
  return (dash ?? (plain as string)).codePointAt(0) as number
}

/** Runs of one class: its digit and the run's length in base 36, small letters; the last run goes on to the end. */
function packClasses(classes: Uint8Array): string {
  const DIGITS = 'ABCDEFG'
  let packed = ''
  for (let first = 0; first < CODE_POINTS; ) {
    let end = first + 1
    while (end < CODE_POINTS && classes[end] === classes[first]) end++
    packed += `${DIGITS[classes[first] as number]}${base36(end - first)}`
    first = end
  }
  return packed
}

function base36(value: number): string {
  return value.toString(36)
}
