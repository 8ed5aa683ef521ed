import { ADD, ASKING, asSource, GROWING, HOARDING, large, RECURSING, SHARED_MEMORIES, SPIN, SPINNING_START, WAITING } from '../../wasm-modules.ts'
import { type Attack, asynchronous, CPU, MEMORY, pending, ROOMY, returned, reveal, SMALL, sync, threw } from './attack.ts'

const module = (bytes: Uint8Array): string => `new WebAssembly.Module(${asSource(bytes)})`
const instance = (bytes: Uint8Array, imports = ''): string => `new WebAssembly.Instance(${module(bytes)}, { ${imports} }).exports`

const burns = (idea: string, source: string): Attack => ({ idea, source, settings: `wasm=true&${SMALL}`, may: [CPU], radius: 'sandbox' })
const hoards = (idea: string, source: string, more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  settings: `wasm=true&${ROOMY}`,
  may: [MEMORY, CPU, threw('RangeError')],
  radius: 'cell',
  ...more,
})
const asks = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  settings: `wasm=true&${SMALL}`,
  may,
  radius: 'sandbox',
  ...more,
})

const SHARED = asSource(SHARED_MEMORIES.declared as Uint8Array)

export const wasm: readonly Attack[] = [
  burns('loops in WebAssembly', sync(`${instance(SPIN)}.spin()`)),
  burns('loops in WebAssembly after an await', asynchronous(`await null; ${instance(SPIN)}.spin()`)),
  burns('loops in a module’s start', sync(module(SPINNING_START).replace(/^/, 'new WebAssembly.Instance(').concat(')'))),
  burns('loops in what WebAssembly imports', sync(`return ${instance(ASKING, 'env: { answer() { for (;;); } }')}.ask()`)),
  burns(
    'crosses between WebAssembly and JavaScript for ever',
    sync(`const { ask } = ${instance(ASKING, 'env: { answer: () => 1 }')}; for (;;) ask()`),
  ),
  burns('loops on a stack of its own, as WebAssembly that waits has', sync(`return WebAssembly.promising(${instance(SPIN)}.spin)()`)),
  burns('compiles without end', sync(`const bytes = ${asSource(ADD)}; for (;;) new WebAssembly.Module(bytes)`)),
  {
    ...burns('has one function made fast that is larger than its budget', sync(`return ${instance(large(120_000))}.run(3)`)),
    settings: `wasm=true&${ROOMY}`,
    may: [CPU, MEMORY],
    radius: 'cell',
  },
  asks('recurses without end in WebAssembly', sync(`${instance(RECURSING)}.recurse()`), [threw('RangeError')]),
  asks(
    'recurses between WebAssembly and JavaScript',
    sync(`const { ask } = ${instance(ASKING, 'env: { answer: () => again() }')}; const again = () => ask(); return again()`),
    [threw('RangeError')],
  ),
  asks('floods one memory to the limit of its pages', sync(`return ${instance(GROWING)}.flood()`), [returned(0), MEMORY], {
    settings: `wasm=true&${ROOMY}`,
    radius: 'cell',
  }),
  hoards(
    'floods ever more memories',
    sync(
      `const module = ${module(GROWING)}, all = []; for (;;) { const { exports } = new WebAssembly.Instance(module); exports.flood(); all.push(exports) }`,
    ),
  ),
  hoards(
    'floods memories while its heap is full',
    sync(
      `const heap = []; for (let i = 0; i < 400; i++) heap.push(new Array(1e4).fill(1.5)); const module = ${module(GROWING)}, all = []; for (;;) { const { exports } = new WebAssembly.Instance(module); exports.flood(); all.push(exports, heap) }`,
    ),
  ),
  hoards(
    'fills a memory from JavaScript',
    sync(
      'const all = []; for (;;) { const memory = new WebAssembly.Memory({ initial: 160 }); new Uint8Array(memory.buffer).fill(1); all.push(memory) }',
    ),
  ),
  hoards(
    'grows a memory as a resizable buffer',
    sync(
      'const all = []; for (;;) { const memory = new WebAssembly.Memory({ initial: 1, maximum: 1024 }), buffer = memory.toResizableBuffer(); buffer.resize(1024 * 65536); new Uint8Array(buffer).fill(1); all.push(memory) }',
    ),
  ),
  hoards(
    'reserves memories and never touches them',
    sync('const all = []; for (;;) all.push(new WebAssembly.Memory({ initial: 1, maximum: 1024 }))'),
  ),
  hoards('hoards tables', sync('const all = []; for (;;) all.push(new WebAssembly.Table({ element: "externref", initial: 1e6 }, all))')),
  hoards(
    'hoards functions in tables',
    sync(`const { add } = ${instance(ADD)}, all = []; for (;;) all.push(new WebAssembly.Table({ element: "anyfunc", initial: 1e6 }, add))`),
  ),
  hoards('hoards what WebAssembly has collected', sync(`${instance(HOARDING)}.hoard()`)),
  hoards(
    'hoards modules',
    sync(
      `const all = [], bytes = ${asSource(GROWING)}; for (let n = 0; ; n++) { const named = new Uint8Array(bytes.length + 1e5); named.set(bytes); named.set([0, 0x9c, 0x8d, 6, 4, n & 127, n >> 7 & 127, n >> 14 & 127, n >> 21 & 127], bytes.length); all.push(new WebAssembly.Module(named)) }`,
    ),
    {
      may: [MEMORY, CPU, threw('RangeError'), threw('CompileError')],
    },
  ),
  hoards(
    'leaves WebAssembly waiting, each on a stack',
    pending(
      `const { ask } = ${instance(ASKING, 'env: { answer: new WebAssembly.Suspending(() => new Promise(() => {})) }')}, run = WebAssembly.promising(ask), all = []; for (;;) all.push(run())`,
    ),
  ),
  asks('asks for a memory of 4 GiB', sync('return new WebAssembly.Memory({ initial: 65536 })'), [threw('RangeError'), threw('TypeError')]),
  asks('asks for a memory of 64 bits and 2⁴⁷ pages', sync('return new WebAssembly.Memory({ address: "i64", initial: 2n ** 47n })'), [
    threw('RangeError'),
    threw('TypeError'),
  ]),
  asks('grows a memory of 64 bits past its limit', sync('return new WebAssembly.Memory({ address: "i64", initial: 1n }).grow(1024n)'), [
    threw('RangeError'),
  ]),
  asks('waits in WebAssembly for another thread', sync(`return ${instance(WAITING)}.wait()`), [threw('RuntimeError')]),
  asks(
    'asks for shared memory in every way',
    reveal(
      'new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })',
      'new WebAssembly.Memory.prototype.constructor({ initial: 1, maximum: 1, shared: true })',
      `new WebAssembly.Module(${SHARED})`,
      `WebAssembly.compile(${SHARED})`,
      `WebAssembly.instantiate(${SHARED})`,
      `WebAssembly.instantiateStreaming(new Response(${SHARED}, { headers: { 'content-type': 'application/wasm' } }))`,
      'typeof SharedArrayBuffer',
      'typeof Atomics',
    ),
    [returned(['TypeError', 'TypeError', 'CompileError', 'CompileError', 'CompileError', 'CompileError', 'undefined', 'undefined'])],
  ),
  asks(
    'has code made by WebAssembly’s constructors',
    reveal(
      'WebAssembly.compile.constructor("return 1")()',
      'WebAssembly.Module.constructor("return 1")()',
      'Object.getPrototypeOf(WebAssembly.instantiate).constructor("return 1")()',
    ),
    [returned(['EvalError', 'EvalError', 'EvalError'])],
  ),
  asks('uses WebAssembly without asking for it', sync('return new WebAssembly.Memory({ initial: 1 })'), [threw('ReferenceError')], {
    settings: SMALL,
  }),
]
