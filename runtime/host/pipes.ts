import { HostError } from './operation.ts'

/** Bytes on their way to the function, pulled piece by piece. */
export interface ByteSource {
  /** The next piece, at most `maxBytes`; undefined at the end. One read at a time. */
  read(maxBytes: number): Promise<Buffer | undefined>
  /** Nobody will read on. */
  cancel(): void
}

/** Bytes on their way from the function. */
export interface ByteSink {
  /** Resolves when the next piece may come. */
  write(piece: Buffer): Promise<void>
  end(): Promise<void>
  /** The rest will not come: whoever receives must not take what came for whole. */
  abort(): void
}

/** The open ends of one invocation's pipes. */
export class Pipes implements Disposable {
  readonly #sources = new Map<number, ByteSource>()
  readonly #sinks = new Map<number, ByteSink>()

  /** @throws HostError when the number is taken: it was not the guest's to use twice */
  addSource(number: number, source: ByteSource): void {
    if (this.#sources.has(number)) throw taken(number)
    this.#sources.set(number, source)
  }

  /** @throws HostError when the number is taken */
  addSink(number: number, sink: ByteSink): void {
    if (this.#sinks.has(number)) throw taken(number)
    this.#sinks.set(number, sink)
  }

  source(number: number): ByteSource | undefined {
    return this.#sources.get(number)
  }

  sink(number: number): ByteSink | undefined {
    return this.#sinks.get(number)
  }

  /** Its end was reached, or nobody wants the rest. */
  dropSource(number: number): void {
    this.#sources.delete(number)
  }

  dropSink(number: number): void {
    this.#sinks.delete(number)
  }

  /** The invocation is over: nothing flows any more. */
  [Symbol.dispose](): void {
    for (const source of this.#sources.values()) source.cancel()
    for (const sink of this.#sinks.values()) sink.abort()
    this.#sources.clear()
    this.#sinks.clear()
  }
}

function taken(number: number): HostError {
  return new HostError('TypeError', `Cannot open pipe ${number}: it is open already`)
}
