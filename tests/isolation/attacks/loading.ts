import { type Attack, CPU, refused, returned, sync, threw } from './attack.ts'

/** The upload itself is the attack: its code runs when it is loaded. */
const uploads = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  calls: [],
  may: may.map((why) => (why === '' ? 'refused' : refused(why))),
  radius: 'sandbox',
  ...more,
})
/** The guard counts wall time and is set once, so it must leave room for a crowd: over a second of CPU it is seldom first. */
const WEAKNESS = 'over a long budget SIGKILL often comes before the guard'
const BY_CELL = { radius: 'cell', weakness: WEAKNESS } as const
const HANDLER = '\nexport default () => 1'

export const loading: readonly Attack[] = [
  uploads('loops at its top level', `for (;;);${HANDLER}`, ['exceeded_cpu'], BY_CELL),
  uploads('hoards at its top level', `const all = []; for (;;) all.push(new Array(1e5).fill(1.5))${HANDLER}`, ['exceeded_memory', 'exceeded_cpu'], {
    radius: 'cell',
  }),
  uploads('searches 2⁵³ holes at its top level', `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)${HANDLER}`, ['exceeded_cpu'], {
    radius: 'cell',
  }),
  uploads('throws an error that loops at its top level', `throw { get message() { for (;;); }, get stack() { for (;;); } }${HANDLER}`, [
    'exceeded_cpu',
  ]),
  uploads('closes the function it is wrapped in', '}); for (;;); (function () {', ['does_not_compile', 'build_failed', 'exceeded_cpu', 'bundle']),
  uploads('is not JavaScript', 'export default () => {', ['']),
  uploads('awaits for ever at its top level', `await new Promise(() => {})${HANDLER}`, ['']),
  uploads('imports a module of the host', `import { readFileSync } from 'node:fs'\nexport default () => readFileSync('/etc/passwd', 'utf8')`, ['']),
  uploads('imports a file by its path', `import secret from '/etc/passwd'\nexport default () => secret`, ['']),
  uploads('imports a file by climbing', `import secret from '../../../../../etc/passwd' with { type: 'text' }\nexport default () => secret`, ['']),
  uploads('nests three hundred thousand brackets', `export default () => ${'('.repeat(3e5)}1${')'.repeat(3e5)}`, ['']),
  uploads(
    'exports a proxy that loops',
    `module.exports = new Proxy(() => 1, { get() { for (;;); }, ownKeys() { for (;;); } })`,
    ['exceeded_cpu'],
    BY_CELL,
  ),
  uploads('floods the log while it is loaded', `for (;;) console.log("x".repeat(1000))${HANDLER}`, [
    'exceeded_cpu',
    'exceeded_output',
    'function_threw',
    '',
  ]),
  {
    ...uploads('leaves a looping timer at its top level', `setTimeout(() => { for (;;); }, 1)\n${sync('return 1')}`, []),
    calls: [null],
    may: [returned(1)],
  },
  {
    ...uploads(
      'asks its loader for a module at run time',
      sync('return typeof require === "function" ? require("fs").readFileSync("/etc/passwd", "utf8") : "no require"'),
      [],
    ),
    calls: [null],
    may: [threw('Error'), returned('no require'), 'refused'],
  },
  {
    ...uploads(
      'imports a module of the host at run time',
      'export default async () => { const name = "node:" + "fs"; return typeof (await import(name)) }',
      [],
    ),
    calls: [null],
    may: ['threw', 'refused'],
  },
  {
    idea: 'loads well for the upload and loops when it is loaded again',
    source: `if (Date.now() > $NOW + 800) for (;;);\nexport default async () => { await new Promise((wake) => setTimeout(wake, 900)); for (;;); }`,
    calls: ['ends its sandbox', 'is loaded again'],
    may: [CPU],
    radius: 'cell',
    weakness: WEAKNESS,
  },
]
