import { Refusal } from './refusal.ts'
import type { Direction, Format } from './zlib-context.ts'
import { ZlibContext } from './zlib-context.ts'

/** What all contexts of a sandbox may weigh, in those of gzip (a quarter of a megabyte at most). */
const MAX_WEIGHT = 64
/** A window of brotli may grow to 16 MiB, though few do: what is beyond all measure meets the cell's memory limit. */
const BROTLI_WEIGHT = 2

/** The zlib contexts of one sandbox, by the numbers the guest has given them. */
export class ZlibContexts {
  readonly #contexts = new Map<number, { readonly context: ZlibContext; readonly weight: number }>()
  #weight = 0

  open(number: number, direction: Direction, format: Format): ZlibContext {
    const weight = format === 'brotli' ? BROTLI_WEIGHT : 1
    if (this.#contexts.has(number)) throw new TypeError(`Cannot open context ${number}: there is one already`)
    if (this.#weight + weight > MAX_WEIGHT) throw new Refusal('QuotaExceededError', 'Too many compression streams are open at once in this sandbox')
    const context = new ZlibContext(direction, format)
    this.#contexts.set(number, { context, weight })
    this.#weight += weight
    return context
  }

  get(number: number): ZlibContext | undefined {
    return this.#contexts.get(number)?.context
  }

  close(number: number): void {
    const found = this.#contexts.get(number)
    if (found === undefined) return
    this.#contexts.delete(number)
    this.#weight -= found.weight
    found.context.close()
  }

  clear(): void {
    for (const number of this.#contexts.keys()) this.close(number)
  }
}
