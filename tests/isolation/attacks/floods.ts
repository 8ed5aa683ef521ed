import { type Attack, asynchronous, BRIEF, CPU, CUT_OFF, MEMORY, OUTPUT, pending, ROOMY, returned, sync, threw, WALL } from './attack.ts'

const floods = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  may,
  radius: 'sandbox',
  ...more,
})

export const FLOODS_END = [CPU, MEMORY, OUTPUT, threw('RangeError')]

export const floodsOfMessages: readonly Attack[] = [
  floods('logs a kilobyte without end', sync('for (;;) console.log("x".repeat(1000))'), FLOODS_END),
  floods('logs nothing without end', sync('for (;;) console.log()'), FLOODS_END),
  floods('logs again after every await', asynchronous('for (;;) { console.log("x".repeat(4000)); await null }'), FLOODS_END),
  floods('logs a text of 100 MB', sync('console.log("x".repeat(1e8)); return 1'), [returned(1), ...FLOODS_END], { radius: 'cell' }),
  floods('logs an array of a million', sync('console.log(new Array(1e6).fill("x")); return 1'), [returned(1), ...FLOODS_END], { radius: 'cell' }),
  floods('logs an object a thousand levels deep', sync('let o = {}; for (let i = 0; i < 1e5; i++) o = { o, p: o }; console.log(o); return 1'), [
    returned(1),
    ...FLOODS_END,
  ]),
  floods('opens a million console groups', sync('for (let i = 0; i < 1e6; i++) console.group("g"); console.log("x"); return 1'), [
    returned(1),
    ...FLOODS_END,
  ]),
  floods('counts under a million labels', sync('for (let i = 0; i < 1e6; i++) console.count("l" + i); return 1'), [returned(1), ...FLOODS_END]),
  floods('times under a million labels', sync('for (let i = 0; i < 1e6; i++) console.time("t" + i); return 1'), [returned(1), ...FLOODS_END]),
  floods(
    'logs in every timer',
    pending('setInterval(() => { for (let i = 0; i < 500; i++) console.log("x".repeat(100)) }, 1)'),
    [...FLOODS_END, WALL],
    { settings: BRIEF },
  ),
  floods('starts a million timers', sync('for (let i = 0; i < 1e6; i++) setTimeout(() => {}, 1e6); return 1'), FLOODS_END),
  floods('starts timers and takes no for no answer', sync('for (;;) try { setTimeout(() => {}, 1) } catch {}'), FLOODS_END),
  floods('starts and clears timers without end', sync('for (;;) clearTimeout(setTimeout(() => {}, 1e6))'), FLOODS_END),
  floods('starts and clears timers after every await', asynchronous('for (;;) { clearTimeout(setTimeout(() => {}, 1e6)); await null }'), FLOODS_END),
  floods('runs a thousand intervals of 0 ms', pending('for (let i = 0; i < 1000; i++) setInterval(() => {}, 0)'), [CPU, WALL], { settings: BRIEF }),
  floods('doubles its timers in every timer', pending('const twice = () => { setTimeout(twice, 0); setTimeout(twice, 0) }; twice()'), [
    CPU,
    WALL,
    MEMORY,
  ]),
  floods('clears a million timers it never had', sync('for (let i = 0; i < 1e6; i++) clearTimeout(i); return 1'), [returned(1), CPU]),
  floods(
    'logs through an error that is reported in its own report',
    sync('addEventListener("error", () => { throw new Error("again") }); reportError(new Error("first")); return 1'),
    [returned(1), threw('Error')],
  ),
  floods('rejects ten thousand promises nobody handles', sync('for (let i = 0; i < 1e4; i++) Promise.reject(new Error("x" + i)); return 1'), [
    returned(1),
    CPU,
  ]),
  floods('says 10 MB', sync('return "x".repeat(1e7)'), [OUTPUT, CPU]),
  floods('answers a list of a million', sync('return new Array(1e6).fill("twelve bytes")'), [OUTPUT, CPU, MEMORY], {
    settings: ROOMY,
    radius: 'cell',
  }),
  floods('answers a body of 10 MB', 'export default { fetch: () => new Response(new Uint8Array(1e7)) }', [OUTPUT]),
  floods(
    'answers a body that streams for ever',
    'export default { fetch: () => new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(5e4)) } })) }',
    [OUTPUT, CPU, CUT_OFF],
  ),
  floods('answers with a megabyte of headers', 'export default { fetch: () => new Response("", { headers: { "x-long": "y".repeat(1e6) } }) }', [
    OUTPUT,
    threw('TypeError'),
    threw('RangeError'),
  ]),
  floods('throws an error of 100 MB', sync('throw new Error("x".repeat(1e8))'), [threw('Error'), ...FLOODS_END], { radius: 'cell' }),
  floods(
    'throws an aggregate of a million errors',
    sync('throw new AggregateError(new Array(1e6).fill(new Error("x")))'),
    [threw('AggregateError'), CPU, MEMORY],
    { radius: 'cell' },
  ),
]
