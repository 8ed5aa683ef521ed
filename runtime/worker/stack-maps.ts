import { setTimeout } from 'node:timers/promises'
import { SCRIPT_NAME } from '../contract/artifact.ts'
import type { FunctionVersion } from '../contract/function-version.ts'
import { StackMap, toAuthorText } from './stack-map.ts'

/** Puts a text into the author's own places. */
export type InAuthorPlaces = (text: string) => string

type Use = (inAuthorPlaces: InAuthorPlaces) => void

const MAX_BYTES = 16 * 1024 * 1024
/** What waits for one map; more is told as it is. */
const MAX_WAITING = 1_000
const LOAD_TIMEOUT_MS = 1_000

/** The source maps of the versions whose errors were seen lately, fetched when the first of them is about to be told. */
export class StackMaps {
  readonly #readArtifact: (sha256: string) => Promise<Buffer>
  /** By their hash, the least lately used first; undefined for what is no source map. */
  readonly #maps = new Map<string, StackMap | undefined>()
  readonly #waiting = new Map<string, Use[]>()
  #bytes = 0

  constructor(readArtifact: (sha256: string) => Promise<Buffer>) {
    this.#readArtifact = readArtifact
  }

  /**
   * Tells `use` how to put `text` into the author's places: at once, unless the text names the bundle and the map has to be fetched
   * first. Uses of one version take place in the order they came in.
   */
  whenKnown({ sourceMapSha256: sha256 }: FunctionVersion, text: string, use: Use): void {
    const waiting = sha256 === undefined ? undefined : this.#waiting.get(sha256)
    if (waiting !== undefined && waiting.length < MAX_WAITING) waiting.push(use)
    else if (sha256 === undefined || waiting !== undefined || !text.includes(SCRIPT_NAME)) use(asItIs)
    else if (this.#maps.has(sha256)) use(placesOf(this.#touched(sha256)))
    else {
      this.#waiting.set(sha256, [use])
      void this.#fetch(sha256)
    }
  }

  async #fetch(sha256: string): Promise<void> {
    let map: StackMap | undefined
    try {
      map = await Promise.race([this.#readArtifact(sha256).then(StackMap.read), timedOut()])
      this.#keep(sha256, map)
    } catch {
      // Without it an error is less readable, and no less of an error.
    }
    const waiting = this.#waiting.get(sha256) ?? []
    this.#waiting.delete(sha256)
    for (const use of waiting) use(placesOf(map))
  }

  #touched(sha256: string): StackMap | undefined {
    const map = this.#maps.get(sha256)
    this.#maps.delete(sha256)
    this.#maps.set(sha256, map)
    return map
  }

  #keep(sha256: string, map: StackMap | undefined): void {
    this.#maps.set(sha256, map)
    this.#bytes += weight(map)
    for (const [other, theirs] of this.#maps) {
      if (this.#bytes <= MAX_BYTES || other === sha256) break
      this.#maps.delete(other)
      this.#bytes -= weight(theirs)
    }
  }
}

function placesOf(map: StackMap | undefined): InAuthorPlaces {
  return map === undefined ? asItIs : (text) => (text.includes(SCRIPT_NAME) ? toAuthorText(text, map) : text)
}

function asItIs(text: string): string {
  return text
}

async function timedOut(): Promise<never> {
  await setTimeout(LOAD_TIMEOUT_MS, undefined, { ref: false })
  throw new Error('Cannot read a source map in time')
}

/** Also what is not there takes a little room. */
function weight(map: StackMap | undefined): number {
  return 1_024 + (map?.bytes ?? 0)
}
