import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import { type HostContext, HostError, type HostOperation } from './operation.ts'
import type { Pipes } from './pipes.ts'

/** `read`, `write`, `end` and `cancel`: the same for every pipe, whatever is at its other end. */
export const pipeOperations: readonly (readonly [string, HostOperation])[] = [
  [
    'read',
    async (args, _body, { pipes, signal }) => {
      const number = pipeOf(args)
      const source = pipes.source(number)
      if (source === undefined) throw new HostError('TypeError', 'Cannot read: this body has come to its end, or there never was one')
      const piece = await source.read(MAX_CHUNK_BYTES)
      if (piece === undefined) {
        pipes.dropSource(number)
        return { value: { done: true } }
      }
      // Nobody will hear of this piece: what follows it would be taken for the whole.
      if (signal.aborted) source.cancel()
      return { body: piece }
    },
  ],
  [
    'write',
    async (args, body, context) => {
      await sinkOf(args, context).write(body)
      return {}
    },
  ],
  [
    'end',
    async (args, _body, context) => {
      const sink = sinkOf(args, context)
      context.pipes.dropSink(pipeOf(args))
      await sink.end()
      return {}
    },
  ],
  [
    'cancel',
    async (args, _body, { pipes }) => {
      const number = pipeOf(args)
      pipes.source(number)?.cancel()
      pipes.sink(number)?.abort()
      pipes.dropSource(number)
      pipes.dropSink(number)
      return {}
    },
  ],
]

function sinkOf(args: unknown, { pipes }: HostContext): NonNullable<ReturnType<HostContext['pipes']['sink']>> {
  const sink = pipes.sink(pipeOf(args))
  if (sink === undefined) throw new HostError('TypeError', 'Cannot write: nobody takes these bytes any more')
  return sink
}

/** A piece of that pipe was refused: what comes after it must not be taken for the whole. `args`: of the `write`. */
export function breakOff(args: unknown, pipes: Pipes): void {
  const pipe = (args as { pipe?: unknown } | null)?.pipe as number
  pipes.sink(pipe)?.abort()
  pipes.dropSink(pipe)
}

function pipeOf(args: unknown): number {
  const pipe = (args as { pipe?: unknown } | null)?.pipe
  if (!Number.isSafeInteger(pipe) || (pipe as number) < 0) throw new HostError('TypeError', 'Cannot use this pipe: it has no number')
  return pipe as number
}
