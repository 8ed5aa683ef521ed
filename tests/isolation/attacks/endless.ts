import { type Attack, asynchronous, CPU, MEMORY, pending, SMALL, sync, threw } from './attack.ts'

const burns = (idea: string, source: string, more: Partial<Attack> = {}): Attack => ({ idea, source, may: [CPU], radius: 'sandbox', ...more })

export const endless: readonly Attack[] = [
  burns('loops at once', sync('for (;;);')),
  burns('loops after an await', asynchronous('await null; for (;;);')),
  burns('loops after a timer', asynchronous('await new Promise((wake) => setTimeout(wake, 5)); for (;;);')),
  burns('loops inside a timer', pending('setTimeout(() => { for (;;); }, 5)')),
  burns('awaits nothing for ever', asynchronous('for (;;) await null')),
  burns('chains promises for ever', pending('const again = () => { Promise.resolve().then(again) }; again()')),
  burns('chains microtasks for ever', pending('const again = () => queueMicrotask(again); again()')),
  burns('resolves a thenable with itself for ever', asynchronous('const again = { then(resolve) { resolve(again) } }; return await again')),
  burns('iterates an endless async generator', asynchronous('async function* ever() { for (;;) yield 1 }\nfor await (const _ of ever());')),
  burns('backtracks in a regular expression', sync('return /^(a+)+$/.test("a".repeat(45) + "b")')),
  burns('catches its own end and loops on', sync('for (;;) try { for (;;); } catch {} finally { for (;;); }')),
  burns('loops in a finally after its end', asynchronous('try { for (;;); } finally { await null; for (;;); }')),
  burns('sorts by a comparator that never ends', sync('return [2, 1].sort(() => { for (;;); })')),
  burns('loops in a JSON reviver', sync('return JSON.parse("[1]", () => { for (;;); })')),
  burns('loops in a proxy trap', sync('return "x" in new Proxy({}, { has() { for (;;); } })')),
  burns('loops in a conversion to a primitive', sync('return "" + { [Symbol.toPrimitive]() { for (;;); } }')),
  burns('waits busily for a time that never comes', sync('const end = performance.now() + 1e9; while (performance.now() < end);')),
  burns(
    'burns a little in each of many timers',
    pending('const tick = () => { const end = Date.now() + 20; while (Date.now() < end); setTimeout(tick, 1) }; tick()'),
  ),
  burns('burns in an interval', pending('setInterval(() => { const end = Date.now() + 15; while (Date.now() < end); }, 1)')),
  burns(
    'answers first and burns afterwards',
    asynchronous('queueMicrotask(() => { Promise.resolve().then(() => Promise.resolve()).then(() => { for (;;); }) }); return 1'),
  ),
  burns(
    'burns in an event listener that dispatches itself',
    sync('const target = new EventTarget(); target.addEventListener("x", () => { for (;;); }); target.dispatchEvent(new Event("x"))'),
  ),
  burns('pulls a stream without end', asynchronous('const ever = new ReadableStream({ pull(c) { c.enqueue(1) } }); for await (const _ of ever);')),
  burns(
    'burns in a generator that refuses to return',
    sync('function* ever() { for (;;) try { yield 1 } finally { for (;;); } }\nfor (const _ of ever()) break'),
  ),
  burns('counts through a computed range', sync('return Array.from({ length: 2 ** 32 - 1 }, (_, i) => i & 1).length'), {
    may: [CPU, MEMORY, threw('RangeError')],
    settings: SMALL,
    radius: 'cell',
  }),
  burns('recurses without end', sync('const deep = () => deep() + 1; return deep()'), { may: [threw('RangeError')] }),
  burns('recurses through a getter and a proxy', sync('const p = new Proxy({}, { get: (_, key) => p[key + 1] }); return p.x'), {
    may: [threw('RangeError'), CPU],
  }),
  burns('recurses, catches and recurses again', sync('const deep = () => { try { deep() } finally { deep() } }; deep()'), {
    may: [CPU, threw('RangeError')],
  }),
]
