import { type Attack, asynchronous, CPU, CUT_OFF, MEMORY, OUTPUT, pending, ROOMY, returned, sync, threw, WALL } from './attack.ts'

const tries = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  may,
  radius: 'sandbox',
  ...more,
})
const fetches = (body: string): string => `export default { fetch: (request, env, ctx) => { ${body} } }`

/** Replies that go out by and by, and what a function does when nobody waits for it any more. */
export const afterTheReply: readonly Attack[] = [
  tries('answers and computes on for ever', sync('ctx.waitUntil(Promise.resolve().then(() => { for (;;); })); return 1'), [returned(1), CPU]),
  tries(
    'answers and computes on in small pieces',
    sync(
      'ctx.waitUntil(new Promise(() => { const on = () => { const end = Date.now() + 5; while (Date.now() < end); setTimeout(on, 0) }; on() })); return 1',
    ),
    [returned(1), CPU],
  ),
  tries(
    'asks for time after its reply a hundred thousand times',
    sync('for (let i = 0; i < 1e5; i++) ctx.waitUntil(new Promise(() => {})); return 1'),
    [returned(1), CPU, MEMORY],
  ),
  tries(
    'keeps its memory after its reply',
    sync('const held = []; for (let i = 0; i < 40; i++) held.push(new Uint8Array(1e6).fill(1)); ctx.waitUntil(new Promise(() => held)); return 1'),
    [returned(1), MEMORY, CPU],
  ),
  tries(
    'streams single bytes',
    fetches('let i = 0; return new Response(new ReadableStream({ pull(c) { if (++i > 1e5) c.close(); else c.enqueue(new Uint8Array(1)) } }))'),
    [CUT_OFF, CPU, WALL, 'returned'],
    { settings: ROOMY },
  ),
  tries(
    'streams without end or pause',
    fetches('const piece = new Uint8Array(65536); return new Response(new ReadableStream({ pull(c) { c.enqueue(piece.slice()) } }))'),
    [CUT_OFF, CPU, WALL, OUTPUT],
  ),
  tries('streams what is no bytes', fetches('return new Response(new ReadableStream({ pull(c) { c.enqueue({ length: 1e9 }) } }))'), [
    CUT_OFF,
    threw('TypeError'),
  ]),
  tries(
    'streams one piece of a hundred megabytes',
    fetches('return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1e8)) } }))'),
    [CUT_OFF, MEMORY, CPU, OUTPUT, threw('RangeError')],
    { settings: ROOMY },
  ),
  tries(
    'fails in the middle of its stream',
    fetches('let i = 0; return new Response(new ReadableStream({ pull(c) { if (i++ > 3) throw new Error("x"); c.enqueue(new Uint8Array(9)) } }))'),
    [CUT_OFF, threw('Error')],
  ),
  tries(
    'answers with its own request, and reads it besides',
    fetches('const both = request.body?.tee(); return new Response(both === undefined ? "none" : both[0])'),
    ['returned'],
  ),
  tries(
    'announces another length than it sends',
    fetches(
      'return new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array(9)); c.close() } }), { headers: { "content-length": "5", "transfer-encoding": "chunked", trailer: "isolane-outcome" } })',
    ),
    ['returned', CUT_OFF],
  ),
  tries(
    'writes a second answer into its head',
    fetches('const h = new Headers(); h.append("x", "a\\r\\n\\r\\nHTTP/1.1 200 OK"); return new Response("x", { headers: h })'),
    [threw('TypeError')],
  ),
  tries(
    'streams a stream that streams itself',
    pending('const s = new TransformStream(); s.readable.pipeTo(s.writable).catch(resolve); s.writable.getWriter'),
    [WALL, returned({}), threw('TypeError')],
    { settings: 'memoryMb=64&timeoutMs=400' },
  ),
  tries(
    'throws at nobody after its reply',
    asynchronous('ctx.waitUntil(new Promise((_, fail) => setTimeout(() => fail({ get message() { for (;;); } }), 5))); return 1'),
    [returned(1), CPU],
  ),
]
