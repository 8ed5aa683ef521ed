/** Answers first and works after: POST takes a note and is answered at once, `waitUntil` keeps it; GET reads it. */
interface Env {
  readonly KV: { get(key: string): Promise<string | null>; put(key: string, value: string): Promise<void> }
}

interface Context {
  waitUntil(promise: Promise<unknown>): void
}

export default {
  async fetch(request: Request, env: Env, ctx: Context): Promise<Response> {
    if (request.method !== 'POST') return new Response((await env.KV.get('note')) ?? 'no note yet')
    ctx.waitUntil(keep(await request.text(), env))
    return new Response('it will be kept', { status: 202 })
  },
}

/** As slow as a real database may be; the caller has his answer already. */
async function keep(note: string, env: Env): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 200))
  await env.KV.put('note', note)
  console.log('kept a note of', note.length, 'characters')
}
