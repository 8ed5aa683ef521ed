import { setImmediate } from 'node:timers/promises'
import { MAX_SOURCE_MAP_BYTES, MODULE_NAMESPACE, SCRIPT_NAME } from '../contract/artifact.ts'

/** A place in what the author uploaded; both count from 1, columns in UTF-16 units. */
export interface Origin {
  readonly file: string
  readonly line: number
  readonly column: number
}

const MAX_FILE_NAME_CHARS = 200
const CHECKPOINT_BYTES = 512
/** What is read before others get their turn: about a millisecond. */
const BYTES_PER_TURN = 128 * 1024

/**
 * A version's source map, read where it lies: its `mappings` stay bytes, with a checkpoint every few hundred to start from. It is made
 * from a tenant's code, and what decodes such a map whole (@jridgewell/trace-mapping, Node's own) makes 300 MB and a second's
 * standstill of 2 MB of source that begs for it.
 */
export class StackMap {
  readonly #sources: readonly unknown[]
  readonly #mappings: Uint8Array
  readonly #checkpoints: readonly Segment[]

  private constructor(sources: readonly unknown[], mappings: Uint8Array, checkpoints: readonly Segment[]) {
    this.#sources = sources
    this.#mappings = mappings
    this.#checkpoints = checkpoints
  }

  /** From the JSON of a source map; undefined where it is none or too large. */
  static async read(json: Buffer): Promise<StackMap | undefined> {
    if (json.length > MAX_SOURCE_MAP_BYTES) return undefined
    try {
      const { sources, mappings } = JSON.parse(json.toString('utf8')) as Record<string, unknown>
      if (!Array.isArray(sources) || typeof mappings !== 'string') return undefined
      const bytes = Buffer.from(mappings, 'latin1')
      return new StackMap(sources, bytes, await findCheckpoints(bytes))
    } catch {
      return undefined
    }
  }

  /** What it holds in memory, roughly. */
  get bytes(): number {
    return this.#mappings.length
  }

  /** Where that place of the bundle comes from, both counting from 1; undefined for what the bundler wrote. */
  originOf(line: number, column: number): Origin | undefined {
    const [wantedLine, wantedColumn] = [line - 1, column - 1]
    const at = this.#lastCheckpoint(wantedLine, wantedColumn)
    const found = { ...(this.#checkpoints[at] ?? START) }
    const segment = { ...found }
    const end = this.#checkpoints[at + 1]?.at ?? this.#mappings.length
    while (segment.at < end && advance(this.#mappings, segment) && !isAfter(segment, wantedLine, wantedColumn)) Object.assign(found, segment)
    if (found.generatedLine !== wantedLine || !found.mapped) return undefined
    const file = this.#sources[found.source]
    if (typeof file !== 'string') return undefined
    return { file: file.slice(0, MAX_FILE_NAME_CHARS), line: found.line + 1, column: found.column + 1 }
  }

  #lastCheckpoint(line: number, column: number): number {
    let [low, high] = [0, this.#checkpoints.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isAfter(this.#checkpoints[middle] as Segment, line, column)) high = middle
      else low = middle + 1
    }
    return Math.max(0, low - 1)
  }
}

const BUNDLE_PLACE = new RegExp(`${SCRIPT_NAME.replaceAll('.', '\\.')}:(\\d{1,9}):(\\d{1,9})`, 'g')
const FRAME = /^\s*at /
const MODULE_FUNCTION = new RegExp(`^(\\s*at (?:\\w+\\.)?)${MODULE_NAMESPACE}:`)
const MAX_TEXT_CHARS = 16_000

/** The text as its author would see it at home: places in the bundle become places in what was uploaded, frames of the bundler's own code go. */
export function toAuthorText(text: string, map: StackMap): string {
  let kept = ''
  for (const line of text.split('\n')) {
    let ownPlaces = 0
    let lost = 0
    const named = line.replace(BUNDLE_PLACE, (place, at: string, column: string) => {
      const origin = map.originOf(Number(at), Number(column))
      if (origin === undefined) lost++
      else ownPlaces++
      return origin === undefined ? place : `${origin.file}:${origin.line}:${origin.column}`
    })
    if (lost > 0 && ownPlaces === 0 && FRAME.test(line)) continue
    const shown = ownPlaces > 0 ? named.replace(MODULE_FUNCTION, '$1') : named
    kept += kept === '' ? shown : `\n${shown}`
    if (kept.length > MAX_TEXT_CHARS) return kept.slice(0, MAX_TEXT_CHARS)
  }
  return kept
}

/** State of reading `mappings` after one segment: where reading goes on, and what the segment says. All count from 0. */
interface Segment {
  at: number
  generatedLine: number
  generatedColumn: number
  mapped: boolean
  source: number
  line: number
  column: number
}

const START: Segment = { at: 0, generatedLine: 0, generatedColumn: 0, mapped: false, source: 0, line: 0, column: 0 }

async function findCheckpoints(mappings: Uint8Array): Promise<Segment[]> {
  const checkpoints = [START]
  const segment = { ...START }
  let turnEnds = BYTES_PER_TURN
  while (advance(mappings, segment)) {
    if (segment.at - (checkpoints.at(-1) as Segment).at >= CHECKPOINT_BYTES) checkpoints.push({ ...segment })
    if (segment.at < turnEnds) continue
    turnEnds = segment.at + BYTES_PER_TURN
    await setImmediate()
  }
  return checkpoints
}

function isAfter({ generatedLine, generatedColumn }: Segment, line: number, column: number): boolean {
  return generatedLine > line || (generatedLine === line && generatedColumn > column)
}

const [SEMICOLON, COMMA] = [0x3b, 0x2c]

/**
 * Reads the next segment into `segment`; false at the end. The format is that of ECMA-426: relative numbers in base64 VLQ. Among
 * empty lines it stops now and then at one of them: a map may have a million of those in a row, and nothing may cost that much.
 */
function advance(mappings: Uint8Array, segment: Segment): boolean {
  const restAt = segment.at + CHECKPOINT_BYTES
  let byte = mappings[segment.at]
  while (byte === SEMICOLON || byte === COMMA) {
    if (byte === SEMICOLON) {
      segment.generatedLine++
      segment.generatedColumn = 0
      segment.mapped = false
    }
    byte = mappings[++segment.at]
    if (segment.at === restAt) return true
  }
  if (byte === undefined) return false
  segment.generatedColumn += readNumber(mappings, segment)
  segment.mapped = !isAtEnd(mappings, segment)
  if (!segment.mapped) return true
  segment.source += readNumber(mappings, segment)
  segment.line += readNumber(mappings, segment)
  segment.column += readNumber(mappings, segment)
  // The name, which is nobody's interest here.
  if (!isAtEnd(mappings, segment)) readNumber(mappings, segment)
  return true
}

function isAtEnd(mappings: Uint8Array, { at }: Segment): boolean {
  const byte = mappings[at]
  return byte === undefined || byte === SEMICOLON || byte === COMMA
}

const DIGITS = new Int8Array(256).fill(-1)
for (const [value, digit] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) DIGITS[digit.charCodeAt(0)] = value

function readNumber(mappings: Uint8Array, segment: Segment): number {
  let value = 0
  for (let shift = 0; shift <= 30; shift += 5) {
    const digit = DIGITS[mappings[segment.at++] as number] ?? -1
    if (digit < 0) break
    value |= (digit & 31) << shift
    if ((digit & 32) === 0) return value & 1 ? -(value >>> 1) : value >>> 1
  }
  throw new RangeError(`Cannot read the source map: no number at ${segment.at}`)
}
