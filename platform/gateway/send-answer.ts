import type { ServerResponse } from 'node:http'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import type { Call } from '../invocations/invoke.ts'
import type { StreamedReply } from '../invocations/open-invocations.ts'
import { type AnswerOptions, answer, isBodiless, streamedHead } from './answer.ts'
import type { GatewayEnv } from './caller.ts'

export interface SendOptions extends AnswerOptions {
  /** It goes on when its caller leaves: he may come back for the answer. */
  readonly outlivesCaller: boolean
}

/**
 * The answer to a call, in whichever way it comes. Most calls end when their caller leaves before he has all of it. That is seen
 * at once, but for a caller whose body stands still because its function does not read: nothing is read from his connection
 * then, not even its end, and the first write tells.
 */
export async function sendAnswer({ incoming, outgoing }: GatewayEnv['Bindings'], call: Call, options: SendOptions): Promise<Response> {
  const { outlivesCaller } = options
  const response = outgoing as ServerResponse
  response.on('close', () => {
    if (!response.writableFinished && !outlivesCaller) call.cancel()
  })
  if (response.destroyed && !outlivesCaller) call.cancel()
  const answered = await call.answered
  const { reply } = answered
  if (reply.kind !== 'streamed') return answer(answered, reply, options)

  const head = streamedHead(answered, reply)
  if (head instanceof Response) {
    reply.body.cut()
    call.cancel()
    return head
  }
  const { length } = reply.body
  const measured = { ...head.headers, ...(length === undefined ? {} : { 'content-length': String(length) }) }
  const bodiless = isBodiless(head.status)
  if (incoming.method === 'HEAD' || bodiless) {
    reply.body.skip()
    return new Response(null, { status: head.status, headers: (bodiless ? head.headers : measured) as Record<string, string> })
  }
  const trailed = length === undefined && !reply.open
  response.writeHead(head.status, trailed ? { ...measured, trailer: 'Isolane-Outcome, Isolane-Billed-Ms' } : measured)
  response.flushHeaders()
  void sendBody(response, reply, { trailed, toItsEnd: outlivesCaller })
  return RESPONSE_ALREADY_SENT
}

/** Ends the response cleanly only when the body is whole, and, where trailers say how it ended, when the lane says that it did well. */
async function sendBody(
  response: ServerResponse,
  { body, settled }: StreamedReply,
  { trailed, toItsEnd }: { trailed: boolean; toItsEnd: boolean },
): Promise<void> {
  void settled.then((last) => {
    if (billedMs(last) === undefined) body.cut()
  })
  if ((await body.into(response, { toItsEnd })) === 'cut') {
    response.destroy()
    return
  }
  if (trailed) {
    const billed = billedMs(await settled)
    if (billed === undefined || response.destroyed) {
      response.destroy()
      return
    }
    response.addTrailers({ 'Isolane-Outcome': 'returned', 'Isolane-Billed-Ms': String(billed) })
  }
  response.end()
}

/** undefined: it did not return. */
function billedMs(last: LaneReply): number | undefined {
  return last.kind === 'answered' && last.head.outcome.kind === 'returned' ? last.head.usage.billedMs : undefined
}
