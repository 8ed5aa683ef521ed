/** A function of the suite: its source and its settings, as a query. */
export interface ChaosFunction {
  readonly name: string
  readonly source: string
  readonly settings?: string
}

const REPORT =
  "const report = (env, ctx) => fetch(env.WITNESS, { method: 'POST', body: ctx.invocationId + ' ' + crypto.randomUUID() }).catch(() => {})\n"

const reporting = (name: string, source: string, settings = ''): ChaosFunction => ({ name, source: REPORT + source, settings })

/** One for each way to use the platform. All but `hello` tell the witness when they are entered. */
export const FUNCTIONS: readonly ChaosFunction[] = [
  { name: 'hello', source: "export default () => 'hello'" },
  reporting('writes', 'export default async (event, ctx) => { await report(ctx.env, ctx); return event }'),
  reporting('repeatable', 'export default async (event, ctx) => { await report(ctx.env, ctx); return event }', 'idempotent=true'),
  reporting(
    'reads',
    "export default { async fetch(request, env, ctx) { await report(env, ctx); return new Response(request.method + ' ' + new URL(request.url).pathname) } }",
  ),
  reporting(
    'naps',
    'export default async (event, ctx) => { await report(ctx.env, ctx); await new Promise((wake) => setTimeout(wake, event.ms)); return event.ms }',
    'concurrency=16',
  ),
  reporting(
    'burns',
    `export default async (event, ctx) => { await report(ctx.env, ctx); let sum = 0; for (const end = Date.now() + 15; Date.now() < end; ) sum += Math.sqrt(sum + 2); return sum > 0 }`,
  ),
  reporting(
    'nests',
    `export default async (event, ctx) => { await report(ctx.env, ctx); return await ctx.env.invoke('writes', { nested: event.n }) }`,
  ),
  reporting('echo', 'export default { async fetch(request, env, ctx) { await report(env, ctx); return new Response(await request.bytes()) } }'),
  reporting(
    'streams',
    `export default { async fetch(request, env, ctx) {
      await report(env, ctx)
      let left = 10
      return new Response(new ReadableStream({ async pull(controller) {
        await new Promise((wake) => setTimeout(wake, 30))
        if (left-- > 0) controller.enqueue(new Uint8Array(8192).fill(65)); else controller.close()
      } }))
    } }`,
  ),
  reporting('later', 'export default async (event, ctx) => { await report(ctx.env, ctx); return event }'),
]
