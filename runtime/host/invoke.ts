import type { IncomingMessage } from 'node:http'
import type { NestedInvocation, NestedReply } from '../contract/data.ts'
import { GatheredBytes } from '../contract/gathered-bytes.ts'
import { MAX_BUFFERED_BODY_BYTES } from '../contract/limits.ts'
import { MAX_CHUNK_BYTES } from '../contract/messages.ts'
import { isName } from '../contract/names.ts'
import { sourceOf } from './node-pipes.ts'
import { type HostContext, HostError, type HostOperation } from './operation.ts'
import type { ByteSource } from './pipes.ts'
import { countSubrequest } from './subrequests.ts'
import type { TenantBytes } from './tenant-bytes.ts'
import { UploadBody } from './upload-body.ts'

/** The way to the gateway that waits for the caller (data/data-client.ts). */
export type InvokeBeside = (
  gatewayId: string,
  nested: NestedInvocation,
  event: string,
  body: Buffer,
  signal: AbortSignal,
) => Promise<{ readonly head: NestedReply; readonly first: Buffer; readonly bytes: IncomingMessage }>

/**
 * The operation `invoke`: another function of the same tenant.
 *
 * args `{door, name, qualifier?, body}`, for the URL door `{method, url, headers}` too; `body` is `none`, `whole` (it is in the
 * call's body) or `stream` (it is written to the call's pipe, and held whole here). Answers `{head}`, a ReplyHead, whose body
 * is read from the call's pipe, or is in the answer (`done`), or `{failed: {code, detail}}`. What the gateway knows of the caller it does not ask the caller.
 */
export function createInvoke(invokeBeside: InvokeBeside, tenantBytes: TenantBytes): HostOperation {
  return async (args, body, context) => {
    const { nested, event, bodyKind } = parseInvoke(args, context)
    countSubrequest(context, 'Cannot invoke')
    const { gateway, tenant } = context.invocation
    let held = 0
    const hold = (length: number): void => {
      tenantBytes.take(tenant, length)
      held += length
    }
    const ask = async (): ReturnType<InvokeBeside> => {
      const whole = bodyKind === 'stream' ? await collect(context, hold) : body
      return await invokeBeside(gateway, nested, event, whole, context.signal).catch(() => {
        throw new HostError('Error', `Cannot invoke ${nested.name}: the platform did not answer`)
      })
    }
    const { head, first, bytes } = await ask().finally(() => tenantBytes.give(tenant, held))
    if (head.kind !== 'returned') {
      bytes.destroy()
      return { value: { failed: { code: head.code, detail: head.detail } } }
    }
    if (first.length > 0) bytes.unshift(first)
    const source = sourceOf(bytes, `The answer of ${nested.name} broke off`)
    if (head.head.stream === undefined) {
      const body = await readWhole(source, nested.name)
      return { value: { head: head.head, done: true }, body }
    }
    context.pipes.addSource(context.number, source)
    return { value: { head: head.head } }
  }
}

function parseInvoke(args: unknown, context: HostContext): { nested: NestedInvocation; event: string; bodyKind: string } {
  const { door, name, qualifier, method, url, headers, body } = (typeof args === 'object' && args !== null ? args : {}) as Record<string, unknown>
  if (door !== 'url' && door !== 'rpc') throw new HostError('TypeError', 'Cannot invoke: the door must be "url" or "rpc"')
  if (!isName(name)) throw new HostError('TypeError', `Cannot invoke ${JSON.stringify(String(name).slice(0, 80))}: that is not a function's name`)
  if (qualifier !== undefined && (typeof qualifier !== 'string' || qualifier.length > 64))
    throw new HostError('TypeError', 'Cannot invoke: the qualifier must be a version or an alias')
  if (body !== 'none' && body !== 'whole' && body !== 'stream') throw new HostError('TypeError', 'Cannot invoke: body must be none, whole or stream')
  const { id, attempt } = context.invocation
  const nested: NestedInvocation = {
    id,
    attempt,
    name,
    door,
    leftMs: Math.max(1, Math.floor(context.leftMs)),
    ...(qualifier === undefined ? {} : { qualifier }),
  }
  // What is in it the gateway checks: it makes the event.
  const event = JSON.stringify(door === 'url' ? { method, url, headers } : {})
  return { nested, event, bodyKind: body }
}

async function collect({ pipes, number }: HostContext, hold: (bytes: number) => void): Promise<Buffer> {
  const upload = new UploadBody('Cannot invoke')
  pipes.addSink(number, upload)
  const gathered = new GatheredBytes()
  try {
    for await (const piece of upload) {
      if (gathered.length + piece.length > MAX_BUFFERED_BODY_BYTES) {
        throw new HostError('RangeError', `Cannot invoke: the event may have up to ${MAX_BUFFERED_BODY_BYTES} bytes (fixed for all functions)`)
      }
      hold(piece.length)
      gathered.add(piece)
    }
  } finally {
    upload.close()
    pipes.dropSink(number)
  }
  return gathered.bytes
}

/** Of an answer that came through the lane, and is small by that: a cell that says so of one that is not is not believed. */
async function readWhole(source: ByteSource, name: string): Promise<Buffer> {
  const gathered = new GatheredBytes()
  for (;;) {
    const piece = await source.read(MAX_CHUNK_BYTES)
    if (piece === undefined) return gathered.bytes
    gathered.add(piece)
    if (gathered.length <= MAX_CHUNK_BYTES) continue
    source.cancel()
    throw new HostError('Error', `The answer of ${name} is not what it was announced as`)
  }
}
