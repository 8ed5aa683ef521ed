import type { IncomingMessage, ServerResponse } from 'node:http'
import { MAX_INVOKE_DEPTH, type NestedInvocation, type NestedReply, parseNestedInvocation } from '../../runtime/contract/data.ts'
import { readFirstFrame } from '../../runtime/contract/first-frame.ts'
import { encodeFrame } from '../../runtime/contract/frame.ts'
import { MAX_BUFFERED_BODY_BYTES, MAX_REPLY_HEAD_BYTES } from '../../runtime/contract/limits.ts'
import type { ReplyHead } from '../../runtime/contract/messages.ts'
import { isName } from '../../runtime/contract/names.ts'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import type { Functions, Resolved } from '../registry/function-directory.ts'
import type { Call, Invoke, NewEvent } from './invoke.ts'
import { jsonFault } from './json-fault.ts'
import { parseNestedEvent } from './nested-event.ts'
import type { OpenInvocation, OpenInvocations, StreamedReply } from './open-invocations.ts'
import { outcomeProblem, refusalProblem, type Subject } from './outcome-problem.ts'
import { parseReplyHead } from './reply-head.ts'

export interface NestedInvokeDeps {
  readonly open: OpenInvocations
  readonly functions: Functions
  readonly invoke: Invoke
}

/** What a caller is told whose call would be one function too deep. */
export const TOO_DEEP = `Cannot make this call: functions may call each other ${MAX_INVOKE_DEPTH} deep (fixed for all functions)`

const EMPTY = Buffer.alloc(0)

type Failure = Extract<NestedReply, { kind: 'failed' }>

const MAX_FRAME_BYTES = MAX_BUFFERED_BODY_BYTES + 2 * MAX_REPLY_HEAD_BYTES

/** `POST /invoke` of the data connection: a function calls another one of its tenant. */
export function createNestedInvoke({ open, functions, invoke }: NestedInvokeDeps) {
  return async function nestedInvoke(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { frame, rest } = await readFirstFrame(incoming, MAX_FRAME_BYTES)
    const wanted = parseNestedInvocation(frame.head)
    if (rest.length > 0) throw new RangeError('Cannot read a nested invocation: there is more than its frame')
    const caller = open.get(`${wanted.id}/${wanted.attempt}`)
    const begun = await begin(caller, wanted, frame.text, Buffer.from(frame.body))
    if ('kind' in begun) {
      sendWhole(outgoing, begun)
      return
    }
    const { call, target } = begun
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) call.cancel()
    })
    if (outgoing.destroyed) call.cancel()
    const { reply } = await call.answered
    if (reply.kind === 'streamed' && reply.head !== undefined) {
      await sendStream(outgoing, reply.head, reply)
    } else if (reply.kind === 'streamed') {
      reply.body.cut()
      call.cancel()
      sendWhole(outgoing, badReply(target))
    } else {
      const told = nestedReplyOf(reply, target)
      sendWhole(outgoing, told, told.kind === 'returned' && reply.kind === 'answered' ? reply.body : EMPTY)
    }
  }

  async function begin(
    caller: OpenInvocation | undefined,
    { name, qualifier, door, leftMs }: NestedInvocation,
    head: Buffer,
    body: Buffer,
  ): Promise<Failure | { readonly call: Call; readonly target: Resolved }> {
    if (caller === undefined) return nestedFailure('cancelled', 'Cannot call a function: nobody waits for the caller any more')
    const depth = caller.depth + 1
    if (depth > MAX_INVOKE_DEPTH) return nestedFailure('invoke_too_deep', TOO_DEEP)
    const event = door === 'rpc' ? ({ door, headers: [] } satisfies NewEvent) : parseNestedEvent(head)
    if (typeof event === 'string') return nestedFailure('request_invalid', `Cannot call ${name}: ${event}`)
    const fault = door === 'rpc' ? jsonFault(body) : undefined
    if (fault !== undefined) return nestedFailure('json_invalid', `Cannot call ${name}: its event is not one JSON value (${fault})`)
    const found = isName(name) ? functions.resolve(caller.tenant, name, qualifier) : undefined
    const target = found instanceof Promise ? await found : found
    if (target === undefined) {
      const what = qualifier === undefined ? '' : ` with a version or alias ${JSON.stringify(qualifier)}`
      return nestedFailure('function_not_found', `There is no function ${JSON.stringify(name)}${what} of this tenant`.slice(0, 300))
    }
    return { call: invoke(target, { trigger: 'invoke', event, body, depth, leftMs }), target }
  }
}

function nestedFailure(code: string, detail: string): Failure {
  return { kind: 'failed', code, detail }
}

/** What the caller is told of a call that is over. */
function nestedReplyOf(reply: LaneReply, target: Subject): NestedReply {
  if (reply.kind === 'refused') return failed(refusalProblem(reply, target))
  const outcome = reply.kind === 'verdict' ? reply.outcome : reply.head.outcome
  // Of the same tenant: what it threw is its own.
  if (outcome.kind !== 'returned') return failed(outcomeProblem(outcome, target, true))
  if (reply.kind === 'verdict') throw new TypeError('Cannot answer: the lane says "returned" but carries no reply')
  const head = parseReplyHead(reply.text)
  return head === undefined ? badReply(target) : { kind: 'returned', head }
}

function failed({ code, detail }: { readonly code: string; readonly detail: string }): Failure {
  return nestedFailure(code, detail)
}

function sendWhole(outgoing: ServerResponse, reply: NestedReply, body: Buffer = EMPTY): void {
  outgoing.writeHead(200).end(Buffer.concat([encodeFrame(reply), body]))
}

async function sendStream(outgoing: ServerResponse, head: ReplyHead, { body, open, settled }: StreamedReply): Promise<void> {
  void settled.then((last) => {
    if (!isReturned(last)) body.cut()
  })
  outgoing.writeHead(200)
  outgoing.write(encodeFrame({ kind: 'returned', head } satisfies NestedReply))
  const whole = (await body.into(outgoing)) === 'whole' && (open || body.length !== undefined || isReturned(await settled))
  if (whole) outgoing.end()
  else outgoing.destroy()
}

function isReturned(last: LaneReply): boolean {
  return last.kind === 'answered' && last.head.outcome.kind === 'returned'
}

function badReply({ tenant, name }: Subject): Failure {
  return nestedFailure('bad_reply', `${tenant}/${name} answered with a status or header that HTTP cannot carry`)
}
