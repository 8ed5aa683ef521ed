import { type Attack, CPU, returned, threw } from './attack.ts'

/** Reaches across calls of the same function, which share a sandbox one after the other or at once. */
const crosses = (idea: string, body: string, calls: readonly unknown[], may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source: `let kept, count = 0\nexport default async (event, ctx) => { count++; ${body} }`,
  calls,
  may,
  radius: 'sandbox',
  ...more,
})
const WAIT = (ms: number): string => `await new Promise((wake) => setTimeout(wake, ${ms}))`

export const crossing: readonly Attack[] = [
  crosses(
    'leaves an interval running after its answer',
    `if (event === 1) { kept = 0; setInterval(() => kept++, 1); return 1 } ${WAIT(80)}; return kept`,
    [1, 2],
    [returned(0)],
  ),
  crosses(
    'leaves a timer that loops after its answer',
    `if (event === 1) { setTimeout(() => { for (;;); }, 30); return 1 } ${WAIT(80)}; return 2`,
    [1, 2],
    [returned(2)],
  ),
  crosses(
    'lets its burning end in somebody else’s call',
    'if (event === 1) { const again = () => Promise.resolve().then(again); again(); for (;;); } return count',
    [1, 2],
    [returned(1)],
  ),
  crosses(
    'leaves the next call a looping promise',
    `if (event === 1) { kept = new Promise((resolve) => { globalThis.release = resolve }).then(() => { for (;;); }); return 1 } release(); return 2`,
    [1, 2],
    // The second call may come into another sandbox, which knows of nothing.
    [CPU, threw('ReferenceError')],
  ),
  crosses(
    'leaves work behind a call that ran into its limit',
    `if (event === 1) { setTimeout(() => { kept = 'ran' }, 50); for (;;); } ${WAIT(100)}; return kept ?? 'nothing'`,
    [1, 2],
    [returned('nothing')],
  ),
  crosses(
    'uses the context of a call that is over',
    'if (event === 1) { kept = ctx; return 1 } kept.waitUntil(Promise.reject(new Error("x"))); return [kept.invocationId === ctx.invocationId, kept.signal.aborted]',
    [1, 2],
    [returned([false, false]), returned([false, true])],
  ),
  crosses(
    'answers for a call that is over',
    'if (event === 1) return new Promise((resolve) => { kept = resolve; setTimeout(() => resolve("own"), 5) }); kept("stolen"); return "mine"',
    [1, 2],
    [returned('mine')],
  ),
  crosses(
    'answers twice',
    'return { then(resolve) { resolve("first"); setTimeout(() => resolve("second"), 1); resolve("third") } }',
    [1],
    [returned('first')],
  ),
  crosses(
    'answers and throws',
    'return { then(resolve, reject) { resolve("first"); reject(new Error("second")); throw new Error("third") } }',
    [1],
    [returned('first')],
  ),
  crosses(
    'changes its identity in the context',
    'try { ctx.invocationId = "other"; ctx.functionName = "other"; ctx.env = { x: 1 } } catch {} if (event === 1) return 1; return [ctx.functionName === "other" && event === 3]',
    [1, 2],
    [returned([false])],
  ),
  crosses(
    'writes into its settings for later calls',
    'try { ctx.env.planted = "x"; Object.defineProperty(ctx.env, "y", { value: 1 }) } catch {} return [Object.hasOwn(ctx.env, "planted"), Object.hasOwn(ctx.env, "y")]',
    [1, 2],
    [returned([false, false])],
  ),
  crosses(
    'clears timers by numbers it guesses',
    `if (event === 1) return 1; for (let i = 0; i < 500; i++) clearTimeout(i); ${WAIT(5)}; return "woke"`,
    [1, 2],
    [returned('woke')],
  ),
  crosses(
    'starts a timer from a call that is over',
    'if (event === 1) { kept = () => setTimeout(() => { for (;;); }, 1); queueMicrotask(() => queueMicrotask(kept)); return 1 } return 2',
    [1, 2],
    [returned(2)],
  ),
  crosses(
    'logs for a call that is over',
    `if (event === 1) { kept = console.log; return 1 } for (let i = 0; i < 5; i++) kept("late"); return 2`,
    [1, 2],
    [returned(2)],
  ),
  crosses(
    'leaves a listener on the global object that throws',
    'if (event === 1) { addEventListener("error", () => { throw new Error("planted") }); return 1 } reportError(new Error("x")); return 2',
    [1, 2],
    [returned(2)],
  ),
  crosses(
    'leaves an unhandled rejection for the next call',
    'if (event === 1) { kept = Promise.withResolvers(); return 1 } kept.reject(new Error("late")); return 2',
    [1, 2],
    [returned(2)],
  ),
  crosses('burns its sandbox and is served by a fresh one', 'if (event === 1) for (;;); return count', [1, 2], [returned(1)]),
  crosses('burns again and again, after the platform knows that it does', 'for (;;);', [1, 2, 3, 4], [CPU], {
    weakness: 'what is known to take a whole core is booked as one: others wait while it burns, where no second worker may be started',
  }),
  crosses(
    'kills its cell and is served by another',
    'if (event === 1) Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1); return count',
    [1, 2],
    [returned(1)],
    { radius: 'cell' },
  ),
  crosses(
    'reads what another tenant’s functions left in the process',
    'return [typeof globalThis.innocent, Reflect.ownKeys(globalThis).filter((k) => /innocent|sibling/.test(String(k)))]',
    [1],
    [returned(['undefined', []])],
  ),
  crosses(
    'guesses the random numbers of another sandbox',
    'if (event === 1) { const a = crypto.getRandomValues(new Uint32Array(4)); const b = crypto.getRandomValues(new Uint32Array(4)); return [a.join() === b.join(), new Set(a).size > 1] }',
    [1],
    [returned([false, true]), threw('Error')],
  ),
]
