/** Gathers what one event-loop turn produces and hands it on in as few calls as the bounds allow. */
export class TurnBatch<Item> {
  readonly #flush: (items: Item[]) => void
  readonly #sizeOf: (item: Item) => number
  #items: Item[] = []
  #bytes = 0
  #scheduled = false

  constructor(flush: (items: Item[]) => void, sizeOf: (item: Item) => number) {
    this.#flush = flush
    this.#sizeOf = sizeOf
  }

  add(item: Item): void {
    const bytes = this.#sizeOf(item)
    if (this.#items.length >= MAX_ITEMS || (this.#items.length > 0 && this.#bytes + bytes > MAX_BYTES)) this.#send()
    this.#items.push(item)
    this.#bytes += bytes
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#send()
    })
  }

  #send(): void {
    if (this.#items.length === 0) return
    const items = this.#items
    this.#items = []
    this.#bytes = 0
    this.#flush(items)
  }
}

/** A script call is atomic, so its size is everybody's latency: a batch of 64 bodies of 6 MiB froze Redis for 4.5 s. */
const MAX_ITEMS = 128
const MAX_BYTES = 256 * 1024
