import { type Attack, asynchronous, CPU, MEMORY, OUTPUT, ROOMY, returned, reveal, threw, WALL } from './attack.ts'

const tries = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  may,
  radius: 'sandbox',
  ...more,
})
const KV = 'const { KV } = ctx.env; '

/** Key-value state: one store under all tenants. */
export const state: readonly Attack[] = [
  tries(
    'writes keys that look like somebody else’s place',
    asynchronous(
      `${KV}const keys = ["../../innocent", "isolane:kv:innocent:used", "innocent:x", "function/innocent", "a\\u0000b", "__proto__", "constructor"]
       for (const key of keys) await KV.put(key, key)
       for (const key of keys) if ((await KV.get(key)) !== key) return key
       for (const key of keys) await KV.delete(key)
       return (await KV.list()).keys.length`,
    ),
    [returned(0)],
    { settings: ROOMY },
  ),
  tries(
    'gives keys that are none',
    reveal(
      'await ctx.env.KV.put("", "x")',
      'await ctx.env.KV.put(".", "x")',
      'await ctx.env.KV.put("..", "x")',
      'await ctx.env.KV.put("x".repeat(513), "x")',
      'await ctx.env.KV.put({ toString() { throw new RangeError("x") } }, "x")',
    ),
    [
      returned(['TypeError', 'TypeError', 'TypeError', 'TypeError', 'RangeError']),
      returned(['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError']),
    ],
  ),
  tries(
    'lets values live for no time, for ever and for less',
    reveal(
      'await ctx.env.KV.put("a", "x", { expirationTtl: -1 })',
      'await ctx.env.KV.put("a", "x", { expirationTtl: NaN })',
      'await ctx.env.KV.put("a", "x", { expirationTtl: 1e308 })',
      'await ctx.env.KV.put("a", "x", { expiration: 1 })',
      'await ctx.env.KV.list({ limit: 0 })',
      'await ctx.env.KV.list({ cursor: "Li4" })',
    ),
    [returned(['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError'])],
  ),
  tries(
    'begins a list in the middle of nowhere',
    reveal('(await ctx.env.KV.list({ prefix: "\\uffff", cursor: btoa("\\u00ff") })).keys', '(await ctx.env.KV.list({ prefix: "\\ud800" })).keys'),
    [returned(['TypeError', 'TypeError']), returned(['TypeError', []])],
  ),
  tries(
    'does more of it than it may',
    asynchronous(`${KV}let refused = 0; for (let i = 0; i < 1100; i++) await KV.get("x").catch(() => { refused++ }); return refused`),
    [returned(100), CPU, WALL],
    { settings: ROOMY },
  ),
  tries(
    'asks for more at once than may be open',
    asynchronous(
      `${KV}const all = []; let refused = 0; for (let i = 0; i < 400; i++) { try { all.push(KV.get("x")) } catch { refused++ } } const done = await Promise.allSettled(all); return refused + done.filter(({ status }) => status === "rejected").length`,
    ),
    [returned(144)],
  ),
  tries(
    'stores a value larger than any may be',
    reveal('await ctx.env.KV.put("big", new Uint8Array(1024 * 1024 + 1))', 'await ctx.env.KV.get("big")'),
    [returned(['TypeError', null])],
    { settings: ROOMY },
  ),
  tries(
    'stores a stream that never ends',
    asynchronous(`${KV}await KV.put("endless", new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)) } }))`),
    [threw('TypeError'), CPU, OUTPUT],
    { settings: ROOMY },
  ),
  tries(
    'fills its quota and asks for more',
    asynchronous(
      `${KV}const value = new Uint8Array(1024 * 1024); let error; for (let i = 0; i < 70 && !error; i++) await KV.put("fill" + i, value).catch((e) => { error = e })
       for (let i = 0; i < 70; i++) await KV.delete("fill" + i)
       return error?.name`,
    ),
    [returned('QuotaExceededError'), CPU, WALL],
    { settings: ROOMY },
  ),
  tries(
    'hides a key in its metadata',
    reveal(
      'await ctx.env.KV.put("m", "x", { metadata: "y".repeat(2000) })',
      'await ctx.env.KV.put("m", "x", { metadata: JSON.parse("[".repeat(400) + "]".repeat(400)) })',
      '(await ctx.env.KV.put("m", "x", { metadata: " 0 0 - 0\\n" }), (await ctx.env.KV.getWithMetadata("m")).metadata)',
    ),
    [returned(['TypeError', 'undefined', ' 0 0 - 0\n'])],
  ),
  tries(
    'leaves large values half read, a hundred at a time',
    asynchronous(
      `${KV}await KV.put("large", new Uint8Array(500_000)); let refused = 0; const kept = []
       for (let i = 0; i < 100; i++) await KV.get("large", "stream").then((s) => kept.push(s), () => { refused++ })
       return [kept.length, refused]`,
    ),
    [returned([64, 36])],
    { settings: ROOMY },
  ),
  tries(
    'writes and reads one key from all sides at once',
    asynchronous(
      `${KV}const all = Array.from({ length: 100 }, (_, i) => [KV.put("race", String(i)), KV.get("race")]).flat(); const done = await Promise.allSettled(all); await KV.delete("race"); return done.every(({ status }) => status === "fulfilled")`,
    ),
    [returned(true)],
    { settings: ROOMY },
  ),
  tries(
    'asks for JSON that was made to break whoever parses it',
    asynchronous(`${KV}await KV.put("deep", "[".repeat(60_000)); return await KV.get("deep", "json").catch((e) => e.name)`),
    [returned('SyntaxError'), MEMORY, CPU],
  ),
]
