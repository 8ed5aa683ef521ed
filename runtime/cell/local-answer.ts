import type { HostReply } from '../contract/messages.ts'
import { asObject } from '../contract/parse.ts'
import type { Holdings } from './holdings.ts'
import type { LocalCall } from './local-call.ts'
import { LOCAL_OPERATIONS } from './local-operations.ts'
import { refusalOf } from './refusal.ts'

/** What a local call is settled with. */
export interface LocalAnswer {
  readonly reply: HostReply
  readonly body: ArrayBuffer | undefined
}

/** Runs one local call. Never rejects: what goes wrong is an answer. */
export async function answerLocally(call: LocalCall, holdings: Holdings): Promise<LocalAnswer> {
  try {
    const operation = LOCAL_OPERATIONS.get(call.op)
    if (operation === undefined) throw new TypeError(`Cannot answer ${call.op}: there is no such operation`)
    const args = asObject(asObject(JSON.parse(call.text), 'call').args, 'args')
    const { value = null, body } = await operation(holdings, args, call.body)
    return { reply: { ok: true, value }, body: body === undefined ? undefined : wholeBuffer(body) }
  } catch (error) {
    return { reply: { ok: false, ...refusalOf(error) }, body: undefined }
  }
}

/** Its own buffer, which may be handed over; a view of a larger one is copied. */
function wholeBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer } = bytes
  return buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength ? buffer : new Uint8Array(bytes).buffer
}
