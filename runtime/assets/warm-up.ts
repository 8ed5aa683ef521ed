// Runs while the snapshot is built (prelude.ts), in a context of its own that is thrown away: V8 keeps in the snapshot what
// has been compiled, so that no first call compiles it anew. Not in it: what few functions use, for every sandbox holds it.
import type { EventHead, GuestEntry, GuestPost, HostReply, LoadSpec } from '../contract/messages.ts'
import { ATTACH_GLOBAL } from '../prelude/attach.ts'

type Entry = (kind: keyof GuestEntry, call: number, text?: string, body?: string | ArrayBuffer, extra?: unknown) => void
type Post = (kind: keyof GuestPost, call: number, text?: string, body?: string | ArrayBuffer, extra?: number) => undefined
type Handler = (request: Request, env: Env, ctx: { waitUntil(promise: Promise<unknown>): void }) => unknown
interface Env {
  readonly KV: { get(key: string): Promise<string | null>; put(key: string, value: string): Promise<void> }
}

const scope = globalThis as unknown as { [ATTACH_GLOBAL]: (post: Post) => Entry }
const attach = scope[ATTACH_GLOBAL]
Reflect.deleteProperty(globalThis, ATTACH_GLOBAL)
// It comes with a restored snapshot only.
Error.isError ??= (value: unknown): value is Error => value instanceof Error

const HEADERS = [
  ['host', 'localhost'],
  ['accept', '*/*'],
  ['content-type', 'application/json'],
  ['cookie', 'a=b'],
] as const
const DEADLINE_MS = 60_000
let calls = 0

/** A sandbox never loads twice; each load forgets the one before. */
function load(handler: unknown, style?: LoadSpec['style']): void {
  const spec: LoadSpec = { tenant: 'warm', name: 'up', version: 1, env: { KEY: 'value' }, ...(style === undefined ? {} : { style }) }
  const run = (module: { exports: unknown }): void => {
    module.exports = { __esModule: true, default: handler }
  }
  enter('load', 0, JSON.stringify(spec), new ArrayBuffer(32), run)
}

function invoke(head: EventHead, body?: string | ArrayBuffer): void {
  enter('invoke', ++calls, JSON.stringify(head), body)
}

function request(method: 'GET' | 'POST', handler: Handler): void {
  load({ fetch: handler })
  const head = { door: 'url', id: 'warm', deadlineAt: Date.now() + DEADLINE_MS, method, url: 'http://localhost/fn/up?a=b', headers: HEADERS } as const
  invoke(head, method === 'POST' ? new TextEncoder().encode('{"a":1}').buffer : undefined)
}

function value(handler: (event: unknown) => unknown): void {
  load(handler, 'event')
  invoke({ door: 'rpc', id: 'warm', deadlineAt: Date.now() + DEADLINE_MS, headers: HEADERS }, '{"a":1}')
}

/** What the host would answer, by the operation asked for. */
function replyTo(op: string): { readonly reply: HostReply; readonly body?: ArrayBuffer } {
  const body = new TextEncoder().encode('{"a":1}').buffer
  if (op === 'fetch') {
    const answer = { status: 200, statusText: 'OK', headers: HEADERS, url: 'http://localhost/', redirected: false, done: true }
    return { reply: { ok: true, value: answer }, body }
  }
  if (op === 'kv.get') return { reply: { ok: true, value: { size: body.byteLength } }, body }
  return { reply: { ok: true, value: null } }
}

/** A slice of its own for each answer, as the cell would make it, but out of a microtask: nothing here has an event loop. */
const enter = attach((kind, call, text, _body, extra) => {
  if (kind === 'call') {
    const { reply, body } = replyTo(JSON.parse(text as string).op)
    void Promise.resolve().then(() => enter('settle', call, JSON.stringify(reply), body, extra))
  }
  if (kind === 'timer') void Promise.resolve().then(() => enter('timer', call, undefined, undefined, extra))
})

request('GET', () => new Response('hello'))
request('GET', ({ url, headers, method }) => {
  const { pathname, searchParams } = new URL(url)
  console.log(method, pathname, searchParams.get('a'), headers.get('accept'), { cookie: headers.get('cookie') }, [1])
  const answer = new Response(JSON.stringify(Object.fromEntries(headers)), { status: 201, headers: { 'content-type': 'application/json' } })
  answer.headers.set('x-answer', 'yes')
  answer.headers.append('set-cookie', 'a=b')
  return answer
})
request('GET', (asked) => new Response(new Request(asked).url, new Response(null, { headers: new Headers(asked.headers) })))
request('GET', () => Response.redirect('http://localhost/', 302))
request('POST', async (asked, _env, ctx) => {
  ctx.waitUntil(Promise.resolve())
  return Response.json(await asked.json(), { headers: { 'x-answer': 'yes' } })
})
request(
  'POST',
  async (asked) => new Response(new TextDecoder().decode(new TextEncoder().encode(`${btoa(await asked.text())} ${crypto.randomUUID()}`))),
)
request('GET', async (_asked, { KV }) => {
  await new Promise((resolve) => setTimeout(resolve, 1))
  const answer = await fetch('http://localhost/', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })
  await KV.put('key', JSON.stringify(await answer.json()))
  return new Response(await KV.get('key'), answer)
})
request('GET', () => {
  throw new TypeError('an error')
})
request('GET', () => Promise.reject(new Error('an error')))
value((event) => ({ event }))
value(async (event) => event)
