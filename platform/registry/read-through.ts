/** Entries found are kept up to this many; at least half of them are the ones used last. */
const MAX_ENTRIES = 10_000
/** Names asked for that do not exist: fewer, and apart, so that guessing names cannot push out real ones. */
const MAX_MISSES = 1_000

/**
 * A cache in front of the store that answers at once what it knows, `undefined` included. Right as long as somebody calls
 * `invalidate` for every change and `flush` after every gap in the news.
 */
export class ReadThrough<V extends object> {
  readonly #load: (key: string) => Promise<V | undefined>
  readonly #found = new TwoGenerations<V>(MAX_ENTRIES)
  readonly #missing = new TwoGenerations<true>(MAX_MISSES)
  readonly #loading = new Map<string, Promise<V | undefined>>()

  constructor(load: (key: string) => Promise<V | undefined>) {
    this.#load = load
  }

  get(key: string): V | undefined | Promise<V | undefined> {
    const found = this.#found.get(key)
    if (found !== undefined) return found
    if (this.#missing.get(key)) return undefined
    return this.#loading.get(key) ?? this.#start(key)
  }

  invalidate(key: string): void {
    this.#found.delete(key)
    this.#missing.delete(key)
    // A load under way may have read the old value: it still answers those who wait for it, but nobody after them.
    this.#loading.delete(key)
  }

  flush(): void {
    this.#found.clear()
    this.#missing.clear()
    this.#loading.clear()
  }

  #start(key: string): Promise<V | undefined> {
    const loading = this.#load(key).then(
      (value) => {
        if (this.#loading.get(key) === loading) {
          this.#loading.delete(key)
          if (value === undefined) this.#missing.set(key, true)
          else this.#found.set(key, value)
        }
        return value
      },
      (error) => {
        if (this.#loading.get(key) === loading) this.#loading.delete(key)
        throw error
      },
    )
    this.#loading.set(key, loading)
    return loading
  }
}

/** Bounded by dropping the older half when the younger is full. A hit among the young costs one lookup and no bookkeeping. */
class TwoGenerations<V> {
  readonly #maxYoung: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  constructor(maxEntries: number) {
    this.#maxYoung = maxEntries / 2
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) {
      this.#old.delete(key)
      this.set(key, old)
    }
    return old
  }

  set(key: string, value: V): void {
    if (this.#young.size >= this.#maxYoung) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }
}
