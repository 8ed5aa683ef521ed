import { bidi, exceptions, joining, newMarks } from 'isolane:idna-data'
import { guessTreatment, type Treatment } from './idna-guess.ts'

// Packed by assets/idna-data.ts; unpacked when the first host outside plain ASCII is met.

/** Sorted starts of runs, and what each run has. */
interface Runs<T> {
  readonly starts: number[]
  readonly values: T[]
}

const LETTER_A = 65

let treatments: Runs<Treatment | undefined> | undefined
let bidiRuns: Runs<number> | undefined
let joiningRuns: Runs<number> | undefined

export function treatmentOf(character: string): Treatment {
  treatments ??= readExceptions()
  return lookUp(treatments, character.codePointAt(0) as number) ?? guessTreatment(character)
}

const MARK = /^\p{M}/u
let marks: Set<number> | undefined

/** General_Category=Mark. */
export function isMark(character: string): boolean {
  marks ??= new Set(
    newMarks()
      .split(' ')
      .map((code) => Number.parseInt(code, 36)),
  )
  return MARK.test(character) || marks.has(character.codePointAt(0) as number)
}

/** 0 none, 1 L, 2 R or AL, 3 AN, 4 EN, 5 neutral (ES CS ET ON BN), 6 NSM. */
export function bidiClassOf(character: string): number {
  bidiRuns ??= readClasses(bidi())
  return lookUp(bidiRuns, character.codePointAt(0) as number)
}

/** 0 none, 1 left, 2 right, 3 both, 4 transparent, 5 virama. */
export function joiningTypeOf(character: string): number {
  joiningRuns ??= readClasses(joining())
  return lookUp(joiningRuns, character.codePointAt(0) as number)
}

function lookUp<T>({ starts, values }: Runs<T>, code: number): T {
  let low = 0
  let high = starts.length
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if ((starts[middle] as number) <= code) low = middle
    else high = middle
  }
  return values[low] as T
}

function readExceptions(): Runs<Treatment | undefined> {
  const runs: Runs<Treatment | undefined> = { starts: [0], values: [undefined] }
  for (const entry of exceptions().split(' ')) {
    const [, first, last, letter, mapping] = /^([0-9a-z]+)(?:-([0-9a-z]+))?([VDIM])(.*)$/.exec(entry) as RegExpExecArray
    const from = Number.parseInt(first as string, 36)
    runs.starts.push(from, (last === undefined ? from : Number.parseInt(last, 36)) + 1)
    runs.values.push(readTreatment(letter as string, mapping as string), undefined)
  }
  return runs
}

function readTreatment(letter: string, mapping: string): Treatment {
  if (letter === 'M') return { text: String.fromCodePoint(...mapping.split('.').map((code) => Number.parseInt(code, 36))) }
  return letter === 'V' ? 'valid' : letter === 'D' ? 'disallowed' : 'ignored'
}

function readClasses(packed: string): Runs<number> {
  const runs: Runs<number> = { starts: [], values: [] }
  let start = 0
  for (const [, letter, length] of packed.matchAll(/([A-G])([0-9a-z]+)/g)) {
    runs.starts.push(start)
    runs.values.push((letter as string).charCodeAt(0) - LETTER_A)
    start += Number.parseInt(length as string, 36)
  }
  return runs
}
