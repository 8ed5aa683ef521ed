import { type Attack, asynchronous, CPU, MEMORY, ROOMY, returned, reveal, threw, WALL } from './attack.ts'

const tries = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  may,
  radius: 'sandbox',
  ...more,
})

/** Functions calling functions: those of their own tenant, and no others. */
export const neighbours: readonly Attack[] = [
  tries(
    'calls another tenant’s function by every name it can think of',
    reveal(
      'await ctx.env.invoke("innocent")',
      'await ctx.env.invoke("innocent/innocent")',
      'await ctx.env.invoke("../innocent/innocent")',
      'await ctx.env.invoke("sibling", null, { qualifier: "../../innocent" })',
      'await ctx.env.invoke({ toString: () => "innocent" })',
      '(await ctx.env.innocent.fetch("https://x/")).status',
    ),
    [returned(['Error', 'TypeError', 'TypeError', 'Error', 'Error', 'Error'])],
  ),
  tries('calls itself for ever', asynchronous('return await ctx.env.invoke(ctx.functionName, event)'), [threw('Error'), WALL], { settings: ROOMY }),
  tries(
    'calls itself twice in every call',
    asynchronous('await Promise.all([1, 2].map(() => ctx.env.invoke(ctx.functionName).catch(() => {}))); return "done"'),
    [returned('done'), WALL, CPU],
    { sandboxes: 255 },
  ),
  tries(
    'calls others more often than it may',
    asynchronous(
      'const all = await Promise.allSettled(Array.from({ length: 80 }, () => ctx.env.invoke("nobody"))); return all.filter(({ reason }) => /has made/.test(reason.message)).length',
    ),
    [returned(30)],
  ),
  tries('leaves its calls unanswered', asynchronous('for (let i = 0; i < 20; i++) ctx.env.invoke("sibling").catch(() => {}); return "left"'), [
    returned('left'),
  ]),
  tries(
    'hands over an event that is too large',
    asynchronous('return await ctx.env.invoke("sibling", "x".repeat(6 * 1024 * 1024 + 1)).catch((e) => e.name)'),
    [returned('TypeError'), MEMORY, CPU],
    { settings: ROOMY },
  ),
  tries(
    'hands over an event that has no JSON, or too much of it',
    reveal('await ctx.env.invoke("sibling", 1n)', 'await ctx.env.invoke("sibling", (() => { const a = []; a[0] = a; return a })())'),
    [returned(['TypeError', 'TypeError'])],
  ),
  tries(
    'writes the platform’s own headers into a call',
    reveal(
      '(await ctx.env.sibling.fetch("https://x/", { headers: { "isolane-depth": "-9", "transfer-encoding": "chunked", "content-length": "7" } })).status',
      '(await ctx.env.sibling.fetch("https://x/", { method: "POST", body: "{}", headers: { "content-length": "70000" } })).status',
    ),
    [returned([200, 200])],
  ),
  tries(
    'asks a neighbour for what stands behind env',
    reveal(
      'ctx.env.then',
      'await ctx.env.__proto__.invoke',
      'ctx.env.constructor.constructor("return this")()',
      'await ctx.env.invoke("sibling".__proto__)',
    ),
    [returned(['undefined', 'undefined', 'EvalError', 'TypeError']), returned(['undefined', {}, 'EvalError', 'TypeError'])],
  ),
]
