import type ivm from 'isolated-vm'

/**
 * The clock over a cell's slices: ends the isolate whose slice is not over in time.
 *
 * Not isolated-vm's own `timeout`. That one leaves every timer of a slice that came back in a queue until it would have
 * fired (a hundred thousand short slices: 100 MB), starts a thread for each guard that would fire before all that are
 * queued (two functions with different budgets were enough to reach the cell's limit of threads, and a thread that cannot
 * be started ends the process), and works the queue off by recursion (SIGSEGV after a pause). Here a slice costs two
 * writes to shared memory, and one thread sleeps until the earliest guard that matters.
 *
 * That thread runs an isolate of the platform's own. It holds the handles of the cell's sandboxes and reads which is
 * entered and until when; JavaScript in it can end another isolate while this thread is inside that one.
 */
export class Watchdog {
  readonly #words: Int32Array
  readonly #add: ivm.Reference<(id: number, isolate: ivm.Isolate) => void>
  readonly #run: ivm.Reference<() => void>
  #ids = 0
  #slices = 0

  constructor(vm: typeof ivm) {
    this.#words = new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT))
    const isolate = new vm.Isolate({ memoryLimit: MEMORY_MB })
    const words = new vm.ExternalCopy(this.#words).copyInto({ release: true })
    const watch = isolate.createContextSync().evalClosureSync(WATCH, [words], { result: { reference: true } })
    this.#add = watch.getSync('add', { reference: true })
    this.#run = watch.getSync('run', { reference: true })
    this.#run.applyIgnored(undefined, [])
  }

  /** Takes an isolate under its watch; returns its number here. */
  add(isolate: ivm.Isolate): number {
    const id = ++this.#ids
    Atomics.add(this.#words, CALLS, 1)
    this.#ring()
    this.#add.applyIgnored(undefined, [id, isolate])
    this.#run.applyIgnored(undefined, [])
    return id
  }

  /** From now on that isolate has this long, in whole milliseconds. One at a time: `disarm` comes first. */
  arm(id: number, guardMs: number): void {
    this.#slices = this.#slices === MOST ? 1 : this.#slices + 1
    const deadline = (Date.now() + guardMs) | 0
    Atomics.store(this.#words, WATCHED, id)
    Atomics.store(this.#words, DEADLINE, deadline)
    Atomics.store(this.#words, SLICES, this.#slices)
    Atomics.store(this.#words, ARMED, this.#slices)
    if (((Atomics.load(this.#words, WAKES_AT) - deadline) | 0) > 0) this.#ring()
  }

  /** Returns false when it was too late: the isolate has been ended, or is just being. */
  disarm(): boolean {
    return Atomics.compareExchange(this.#words, ARMED, this.#slices, NONE) === this.#slices
  }

  #ring(): void {
    Atomics.add(this.#words, BELL, 1)
    Atomics.notify(this.#words, BELL)
  }
}

const MEMORY_MB = 8
const MOST = 2 ** 30

// The shared words. Times are milliseconds since 1970, their lower 32 bits: compared by the sign of their difference.
/** Changes to wake the watching thread. */
const BELL = 0
/** Calls that wait until it has come back from `run`. */
const CALLS = 1
/** Number of the slice that is under way, or one of the two below. */
const ARMED = 2
/** Its isolate. */
const WATCHED = 3
const DEADLINE = 4
/** When the watching thread will look by itself. */
const WAKES_AT = 5
/** Counts slices: tells a cell that does nothing from one between two slices. */
const SLICES = 6
const WORDS = 7

const NONE = 0
const FIRED = -1

/**
 * A slice that is over leaves its deadline behind: the thread wakes, finds it gone, and sleeps on. Between two slices of a busy
 * cell it sleeps shortly: with nothing to wake for, the next slice would have to wake it, and so every slice (100 µs of CPU each).
 * Only a cell that has done nothing since it last looked lets it sleep until it is called.
 */
const WATCH = `'use strict'
const words = $0
const isolates = new Map()
const DAY_MS = 86400000
const BETWEEN_SLICES_MS = 40
let seen = -1
return {
  add(id, isolate) {
    for (const [known, { isDisposed }] of isolates) if (isDisposed) isolates.delete(known)
    isolates.set(id, isolate)
    Atomics.sub(words, ${CALLS}, 1)
  },
  run() {
    for (;;) {
      const bell = Atomics.load(words, ${BELL})
      if (Atomics.load(words, ${CALLS}) !== 0) return
      const slice = Atomics.load(words, ${ARMED})
      const id = Atomics.load(words, ${WATCHED})
      const now = Date.now()
      let waitMs
      if (slice <= 0) {
        const slices = Atomics.load(words, ${SLICES})
        waitMs = slices === seen ? DAY_MS : BETWEEN_SLICES_MS
        seen = slices
      } else {
        waitMs = (Atomics.load(words, ${DEADLINE}) - now) | 0
        if (waitMs <= 0) {
          if (Atomics.compareExchange(words, ${ARMED}, slice, ${FIRED}) === slice) try { isolates.get(id).dispose() } catch {}
          continue
        }
      }
      Atomics.store(words, ${WAKES_AT}, now + waitMs)
      // Armed between the two looks: whoever armed it may have seen the old time to wake at.
      if (Atomics.load(words, ${ARMED}) === slice) Atomics.wait(words, ${BELL}, bell, waitMs)
    }
  },
}`
