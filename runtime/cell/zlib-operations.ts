import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import { asInteger, asString, ContractError } from '../contract/parse.ts'
import type { LocalOperation, LocalResult } from './local-operations.ts'
import { type Direction, FORMATS, type Piece } from './zlib-context.ts'
import type { ZlibContexts } from './zlib-contexts.ts'

const DIRECTIONS: readonly Direction[] = ['compress', 'decompress', 'decompress-body']

/** `value`: whether asking again may give another piece. A context that has ended, or failed, is gone by itself. */
export const ZLIB_OPERATIONS: Readonly<Record<string, LocalOperation>> = {
  /** `{ context, direction, format }`: a number that is not in use, chosen by the guest. */
  async open({ contexts }, args) {
    contexts.open(numberOf(args), oneOf(args.direction, 'direction', DIRECTIONS), oneOf(args.format, 'format', FORMATS))
    return {}
  },
  /** `{ context, close }` and at most MAX_CHUNK_BYTES of input. Answers the first piece of output. */
  async push({ contexts }, args, body) {
    if (body.length > MAX_CHUNK_BYTES) throw new ContractError('body', body.length, `at most ${MAX_CHUNK_BYTES} bytes`)
    const close = args.close === true
    return await pieceOf(contexts, numberOf(args), (context) => context.push(body, close), close)
  },
  /** `{ context, close }`: the next piece; `close` says that no input comes any more. */
  async pull({ contexts }, args) {
    return await pieceOf(contexts, numberOf(args), (context) => context.pull(), args.close === true)
  },
  /** `{ context }`: nobody wants the rest. */
  async close({ contexts }, args) {
    contexts.close(numberOf(args))
    return {}
  },
}

type Context = NonNullable<ReturnType<ZlibContexts['get']>>

async function pieceOf(contexts: ZlibContexts, number: number, run: (context: Context) => Promise<Piece>, closed: boolean): Promise<LocalResult> {
  const context = contexts.get(number)
  if (context === undefined) throw new TypeError('Cannot go on: the compression stream was closed')
  try {
    const { bytes, more } = await run(context)
    if (!more && closed) contexts.close(number)
    return { value: more, ...(bytes === undefined ? {} : { body: bytes }) }
  } catch (error) {
    contexts.close(number)
    throw error
  }
}

function numberOf(args: Record<string, unknown>): number {
  return asInteger(args.context, 'context', 1, 2 ** 53)
}

function oneOf<T extends string>(value: unknown, field: string, choices: readonly T[]): T {
  const text = asString(value, field)
  const found = choices.find((choice) => choice === text)
  if (found === undefined) throw new ContractError(field, text, choices.join(', '))
  return found
}
