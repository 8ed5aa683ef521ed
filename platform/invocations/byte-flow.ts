import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'

/** `whole`: every byte came and was taken. `cut`: one side left, or there was more or less than announced. */
export type FlowEnd = 'whole' | 'cut'

export interface ByteFlowOptions {
  /** Taken from the source already. */
  readonly first?: readonly Buffer[]
  /** What there must be, where it is known. */
  readonly length?: number
  readonly maxBytes: number
}

const flows = new WeakMap<IncomingMessage, ByteFlow>()

/** The flow that this message's body was given to. */
export function flowFrom(source: IncomingMessage): ByteFlow | undefined {
  return flows.get(source)
}

/** Bytes on their way through this process, once: nothing is read from where they come before somebody takes them. */
export class ByteFlow {
  readonly length: number | undefined
  readonly #source: IncomingMessage
  readonly #most: number
  readonly #over = Promise.withResolvers<FlowEnd>()
  #first: readonly Buffer[]
  #state: 'waiting' | 'flowing' | 'over' = 'waiting'

  constructor(source: IncomingMessage, { first = [], length, maxBytes }: ByteFlowOptions) {
    this.#source = source
    this.#first = first
    this.length = length
    this.#most = Math.min(maxBytes, length ?? maxBytes)
    source.pause()
    flows.set(source, this)
  }

  /** How it ended. */
  get over(): Promise<FlowEnd> {
    return this.#over.promise
  }

  /** Somebody takes it, or has: nobody else can. */
  get taken(): boolean {
    return this.#state !== 'waiting'
  }

  /**
   * Hands everything to `sink`, at its pace, and does not end it. Resolves when the sink has passed on the last byte, or when it
   * is known that this will not happen. `toItsEnd`: when the sink is gone the rest is read and dropped, and that counts as well.
   */
  async into(sink: Writable, { toItsEnd = false } = {}): Promise<FlowEnd> {
    if (this.#state !== 'waiting') return 'cut'
    this.#state = 'flowing'
    const source = this.#source
    const ending = Promise.withResolvers<FlowEnd>()
    let bytes = 0
    let unwritten = 0
    let ended = false
    let dropped = false
    const check = (): void => {
      if (ended && unwritten === 0) ending.resolve(this.length !== undefined && bytes < this.length ? 'cut' : 'whole')
    }
    const written = (error?: Error | null): void => {
      if (dropped) return
      unwritten--
      // Its close says the same, a moment later.
      if (error) sinkClosed()
      else check()
    }
    const take = (piece: Buffer): void => {
      bytes += piece.length
      if (bytes > this.#most) {
        source.pause()
        ending.resolve('cut')
        return
      }
      if (dropped) return
      unwritten++
      if (!sink.write(piece, written)) source.pause()
    }
    const goOn = (): void => void source.resume()
    const end = (): void => {
      ended = true
      check()
    }
    const sourceClosed = (): void => {
      if (!ended) ending.resolve('cut')
    }
    const cut = (): void => ending.resolve('cut')
    const sinkClosed = (): void => {
      if (!toItsEnd) {
        cut()
        return
      }
      dropped = true
      unwritten = 0
      source.resume()
      check()
    }
    // Its end by an error is seen by its close; without a listener an error would end the process.
    sink.on('error', () => {})
    if (source.destroyed && !source.readableEnded) cut()
    else if (sink.destroyed && !toItsEnd) cut()
    else {
      dropped = sink.destroyed
      for (const piece of this.#first) take(piece)
      if (source.readableEnded) end()
      source.on('data', take).on('end', end).on('close', sourceClosed)
      sink.on('drain', goOn).on('close', sinkClosed)
      if (dropped || !sink.writableNeedDrain) source.resume()
    }
    this.#first = []
    void this.#over.promise.then(cut)
    const how = await ending.promise
    source.off('data', take).off('end', end).off('close', sourceClosed)
    sink.off('drain', goOn).off('close', sinkClosed)
    if (!ended) source.pause()
    this.#end(how)
    return how
  }

  /** Whoever it was for has all he wants: the rest is read and dropped. */
  skip(): void {
    if (this.#state !== 'waiting') return
    this.#first = []
    this.#source.resume()
    this.#end('whole')
  }

  /** The rest is wanted by nobody: a flow that is under way stops. */
  cut(): void {
    if (this.#state !== 'over') this.#end('cut')
  }

  #end(how: FlowEnd): void {
    this.#state = 'over'
    this.#over.resolve(how)
  }
}
