import { type Attack, CPU, MEMORY, OUTPUT, sync, threw } from './attack.ts'

/** The engine does not look up from these: mostly only the end of the process ends them. */
const stuck = (idea: string, body: string, may: readonly string[] = [CPU]): Attack => ({ idea, source: sync(body), may, radius: 'cell' })

/** Either way is the engine's. */
const ENDS = [CPU, MEMORY, threw('RangeError')]

export const builtins: readonly Attack[] = [
  stuck('searches 2⁵³ holes by indexOf', 'return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)'),
  stuck('searches 2⁵³ holes by includes', 'return Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1)'),
  stuck('searches a sparse array', 'const a = []; a[2 ** 32 - 2] = 1; return a.indexOf(5)'),
  stuck('reverses 2⁵³ holes', 'return Array.prototype.reverse.call({ length: 2 ** 53 - 1 })'),
  stuck('fills an array-like without end', 'return Array.prototype.fill.call({ length: 2 ** 53 - 1 }, 0)', ENDS),
  stuck('shifts 2⁵³ holes', 'return Array.prototype.unshift.call({ length: 2 ** 53 - 2 }, 1)', ENDS),
  stuck('copies 2⁵³ holes within', 'return Array.prototype.copyWithin.call({ length: 2 ** 53 - 1 }, 0, 1)'),
  stuck('asks String.raw for 2⁵³ pieces', 'return String.raw({ raw: { length: 2 ** 53 - 1 } })', ENDS),
  stuck('joins a sparse array of 2³²', 'const a = []; a[2 ** 32 - 2] = 1; return a.join("").length', [...ENDS, 'returned']),
  stuck('raises a BigInt to a hundred million', 'return (3n ** (10n ** 8n)).toString().length', ENDS),
  stuck('squares a BigInt until it cannot', 'let x = 3n; for (;;) x = x * x', ENDS),
  stuck('writes out a BigInt of two million bits', 'return (2n ** 2_000_000n - 1n).toString().length + (7n ** 9_000_000n).toString().length', ENDS),
  stuck('fills an array of 2²⁷', 'return new Array(2 ** 27).fill(1).length', ENDS),
  stuck('sorts two million numbers in words', 'return Array.from({ length: 2e6 }, (_, i) => -i).sort()[0]', ENDS),
  stuck('sorts typed arrays over and over', 'for (;;) new Float64Array(2e6).map(Math.random).sort()', ENDS),
  stuck('compares long strings by locale', 'const long = "\\u00e9".repeat(4e6); for (;;) (long + "a").localeCompare(long + "b")', ENDS),
  stuck('normalizes long strings', 'const long = "\\u1e9b\\u0323".repeat(2e6); for (;;) long.normalize("NFKD")', ENDS),
  stuck(
    'segments a long string',
    'const long = "a b ".repeat(4e6); for (;;) [...new Intl.Segmenter("th", { granularity: "word" }).segment(long)].length',
    ENDS,
  ),
  stuck('makes number formats without end', 'for (;;) new Intl.NumberFormat("de", { style: "currency", currency: "EUR" }).format(1e20)', ENDS),
  stuck('searches a needle that almost fits everywhere', 'const hay = "a".repeat(4e6); for (;;) hay.indexOf("a".repeat(2e6) + "b")', ENDS),
  stuck('searches a typed array of 16 MB again and again', 'const bytes = new Uint8Array(16e6); for (;;) bytes.indexOf(1)', ENDS),
  stuck('replaces every letter by many', 'return "a".repeat(1e6).replaceAll("a", "b".repeat(400)).length', [...ENDS, 'returned']),
  stuck('splits and joins for ever', 'const long = "a,".repeat(1e6); for (;;) long.split(",").join(";")', ENDS),
  stuck('parses five million brackets', 'return JSON.parse("[".repeat(5e6))', [...ENDS, threw('SyntaxError')]),
  stuck('compiles an enormous regular expression', 'return new RegExp("(" + "a|".repeat(3e5) + "b){1,1000}").test("c".repeat(1e4))', [
    ...ENDS,
    threw('SyntaxError'),
    'returned',
  ]),
  stuck('flattens an array that holds itself', 'const a = []; a.push(a, a); return a.flat(Infinity).length', ENDS),
  stuck('encodes megabytes as URI parts', 'const long = "\\u{1f600}".repeat(4e6); for (;;) encodeURIComponent(long)', [...ENDS, OUTPUT]),
  stuck('pads a string to the limit of strings', 'return "x".padEnd(2 ** 29 - 30, "yz").split("").length', ENDS),
  stuck('applies a function to 2³² arguments', 'return Math.max.apply(null, { length: 2 ** 32 - 1 })', ENDS),
]
