import { type Attack, asynchronous, BRIEF, CPU, CUT_OFF, pending, returned, sync, threw, WALL } from './attack.ts'

const waits = (idea: string, source: string, more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  settings: BRIEF,
  may: [WALL],
  radius: 'sandbox',
  ...more,
})

export const waiting: readonly Attack[] = [
  waits('awaits what never comes', pending('')),
  waits('stays awake by an interval', pending('setInterval(() => {}, 20)'), { may: [WALL, CPU] }),
  waits('sets a timer in each timer', pending('const again = () => setTimeout(again, 5); again()'), { may: [WALL, CPU] }),
  waits('sleeps for 24 days', asynchronous('await new Promise((wake) => setTimeout(wake, 2 ** 31 - 1))')),
  waits('answers with a thenable that never calls back', sync('return { then() {} }')),
  waits(
    'answers with a body that never ends',
    'export default { fetch: () => new Response(new ReadableStream({ pull: () => new Promise(() => {}) })) }',
    { may: [WALL, CUT_OFF] },
  ),
  waits('reads a stream that never says anything', asynchronous('for await (const _ of new ReadableStream({}));')),
  waits(
    'waits for a signal that is a year away',
    asynchronous('await new Promise((done) => AbortSignal.timeout(3e10 > 2 ** 31 ? 2 ** 31 - 1 : 1).addEventListener("abort", done))'),
  ),
  waits(
    'writes to a stream under full backpressure',
    asynchronous('const w = new WritableStream({ write: () => new Promise(() => {}) }).getWriter(); await w.write(1); await w.write(2)'),
  ),
  waits(
    'pipes a stream that never opens',
    asynchronous('await new ReadableStream({ start: () => new Promise(() => {}) }).pipeTo(new WritableStream())'),
  ),
  waits('answers at once and leaves work waiting for ever', sync('ctx.waitUntil(new Promise(() => {})); return 1'), { may: [returned(1)] }),
  waits('asks its context to wait for a thenable that throws', sync('ctx.waitUntil({ get then() { throw new Error("x") } }); return 1'), {
    may: [returned(1), threw('Error')],
  }),
]
