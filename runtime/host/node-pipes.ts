import type { Readable, Writable } from 'node:stream'
import { HostError } from './operation.ts'
import type { ByteSink, ByteSource } from './pipes.ts'

/**
 * A Node stream as a source. Nothing is read ahead of what its own buffer holds, so a function that does not read stops
 * whoever sends.
 *
 * `cutMessage`: what the function is told when the stream ends before its end.
 */
export function sourceOf(stream: Readable, cutMessage: string): ByteSource {
  let failed: Error | undefined
  let waiting: (() => void) | undefined
  const wake = (): void => {
    waiting?.()
    waiting = undefined
  }
  stream.on('readable', wake).on('end', wake).on('close', wake)
  stream.on('error', (error) => {
    failed = error
    wake()
  })
  let reading = false
  return {
    async read(maxBytes) {
      if (reading) throw new HostError('TypeError', 'Cannot read twice at once from the same body')
      reading = true
      try {
        for (;;) {
          const piece = nextPiece(stream, maxBytes)
          if (piece !== undefined) return piece
          if (stream.readableEnded) return undefined
          if (failed !== undefined || stream.destroyed) throw new HostError('TypeError', cutMessage)
          await new Promise<void>((resolve) => (waiting = resolve))
        }
      } finally {
        reading = false
      }
    },
    cancel() {
      stream.destroy()
      wake()
    },
  }
}

function nextPiece(stream: Readable, maxBytes: number): Buffer | undefined {
  const length = Math.min(stream.readableLength, maxBytes)
  // Also when it is empty: only a read() past the end lets 'end' come.
  const piece = (length === 0 ? stream.read() : stream.read(length)) as Buffer | null
  if (piece === null) return undefined
  if (piece.length <= maxBytes) return piece
  stream.unshift(piece.subarray(maxBytes))
  return piece.subarray(0, maxBytes)
}

/** A Node stream as a sink: the next piece may come when its buffer has room again. */
export function sinkOf(stream: Writable, cutMessage: string): ByteSink {
  let failed = false
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const resolve of waiting) resolve()
    waiting.clear()
  }
  stream.on('drain', wake).on('close', wake).on('finish', wake)
  stream.on('error', () => {
    failed = true
    wake()
  })
  const check = (): void => {
    if (failed || stream.destroyed) throw new HostError('TypeError', cutMessage)
  }
  return {
    async write(piece) {
      check()
      if (stream.write(piece)) return
      while (stream.writableNeedDrain && !failed && !stream.destroyed) await new Promise<void>((resolve) => waiting.add(resolve))
      check()
    },
    async end() {
      check()
      stream.end()
      while (!stream.writableFinished && !failed && !stream.destroyed) await new Promise<void>((resolve) => waiting.add(resolve))
      if (!stream.writableFinished) throw new HostError('TypeError', cutMessage)
    },
    abort() {
      stream.destroy()
      wake()
    },
  }
}

/** A source that is opened by its first read. */
export function lazySource(open: (signal: AbortSignal) => Promise<Readable>, cutMessage: string): ByteSource {
  const controller = new AbortController()
  let source: Promise<ByteSource> | undefined
  return {
    async read(maxBytes) {
      source ??= open(controller.signal).then(
        (stream) => sourceOf(stream, cutMessage),
        () => {
          throw new HostError('TypeError', cutMessage)
        },
      )
      return await (await source).read(maxBytes)
    },
    cancel() {
      controller.abort()
      source?.then(
        (opened) => opened.cancel(),
        () => {},
      )
    },
  }
}
