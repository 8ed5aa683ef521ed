import { typedArrayLength } from './primordials.ts'

/**
 * Whether a module declares, imports or exports a memory that threads could share. The bytes are those of a
 * module that the engine has accepted; what is not understood here counts as shared.
 *
 * Source: WebAssembly 3.0, 5.5 "Modules" and 5.3 "Types".
 */
export function hasSharedMemory(bytes: Uint8Array): boolean {
  return new Reader(bytes).findsShared()
}

const SECTIONS_FROM = 8
const IMPORTS = 2
const MEMORIES = 5

const FUNCTION = 0
const TABLE = 1
const MEMORY = 2
const GLOBAL = 3
const TAG = 4

const MAXIMUM_BIT = 1
const SHARED_BIT = 2
const PAGE_SIZE_BIT = 8
const KNOWN_BITS = 15

/** Of references to types by number: a heap type follows. */
const REFERENCE = 0x64
const NULLABLE_REFERENCE = 0x63

class Reader {
  readonly #bytes: Uint8Array
  readonly #length: number
  #at = SECTIONS_FROM

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#length = typedArrayLength(bytes)
  }

  findsShared(): boolean {
    while (this.#at < this.#length) {
      const id = this.#byte()
      const size = this.#number()
      const end = this.#at + size
      const isShared = id === IMPORTS ? this.#importsShared() : id === MEMORIES ? this.#memoriesShared() : false
      if (isShared || ((id === IMPORTS || id === MEMORIES) && this.#at !== end)) return true
      this.#at = end
    }
    return this.#at !== this.#length
  }

  #importsShared(): boolean {
    for (let left = this.#number(); left > 0; left--) {
      this.#skipName()
      this.#skipName()
      switch (this.#byte()) {
        case FUNCTION:
          this.#number()
          break
        case TABLE:
          this.#skipType()
          if (this.#limitsShared()) return true
          break
        case MEMORY:
          if (this.#limitsShared()) return true
          break
        case GLOBAL:
          this.#skipType()
          this.#at++
          break
        case TAG:
          this.#at++
          this.#number()
          break
        default:
          return true
      }
    }
    return false
  }

  #memoriesShared(): boolean {
    for (let left = this.#number(); left > 0; left--) if (this.#limitsShared()) return true
    return false
  }

  #limitsShared(): boolean {
    const bits = this.#byte()
    if (bits > KNOWN_BITS || (bits & SHARED_BIT) !== 0) return true
    this.#number()
    if ((bits & MAXIMUM_BIT) !== 0) this.#number()
    if ((bits & PAGE_SIZE_BIT) !== 0) this.#number()
    return false
  }

  #skipType(): void {
    const type = this.#byte()
    if (type === REFERENCE || type === NULLABLE_REFERENCE) this.#number()
  }

  #skipName(): void {
    const length = this.#number()
    this.#at += length
  }

  /** Past the end: no byte that anything begins with. */
  #byte(): number {
    return this.#bytes[this.#at++] ?? 0xff
  }

  /** LEB128. What matters of it, counts and sizes, has 32 bits; of longer or negative ones only the end is looked for. */
  #number(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte()
      value += (byte & 127) * scale
      if (byte < 128 || this.#at > this.#length) return value
    }
  }
}
