/** Small WebAssembly modules, put together by hand: https://webassembly.github.io/spec/core/binary. */

type Bytes = readonly number[]

const I32 = 0x7f
const HEADER: Bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
export const SECTION = { type: 1, import: 2, function: 3, table: 4, memory: 5, global: 6, export: 7, start: 8, code: 10, tag: 13 } as const

/** LEB128, unsigned. */
export function number(value: number): Bytes {
  return value < 128 ? [value] : [(value & 127) | 128, ...number(Math.floor(value / 128))]
}

export function list(...items: readonly Bytes[]): Bytes {
  return [...number(items.length), ...items.flat()]
}

export function name(text: string): Bytes {
  return [...number(text.length), ...Buffer.from(text, 'latin1')]
}

export function section(id: number, content: Bytes): Bytes {
  return [id, ...number(content.length), ...content]
}

export function wasmModule(...sections: readonly Bytes[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...HEADER, ...sections.flat()])
}

/** A function's body without locals. */
function code(...body: Bytes): Bytes {
  return codeOf(body)
}

function codeOf(body: Bytes): Bytes {
  return [...number(body.length + 2), 0, ...body, 0x0b]
}

const type = (params: number, results: number): Bytes => [
  0x60,
  ...list(...Array<Bytes>(params).fill([I32])),
  ...list(...Array<Bytes>(results).fill([I32])),
]
const exported = (text: string, kind: number, index: number): Bytes => [...name(text), kind, index]

/** `add(a, b)`. */
export const ADD = wasmModule(
  section(SECTION.type, list(type(2, 1))),
  section(SECTION.function, list([0])),
  section(SECTION.export, list(exported('add', 0, 0))),
  section(SECTION.code, list(code(0x20, 0, 0x20, 1, 0x6a))),
)

/** `spin()` never comes back. */
export const SPIN = wasmModule(
  section(SECTION.type, list(type(0, 0))),
  section(SECTION.function, list([0])),
  section(SECTION.export, list(exported('spin', 0, 0))),
  section(SECTION.code, list(code(0x03, 0x40, 0x0c, 0, 0x0b))),
)

/**
 * `memory`, of one page at first and no maximum; `grow(pages)` and `fill(at, bytes)`; `flood()` grows it by a megabyte and
 * writes to that until it cannot, and gives back 0.
 */
export const GROWING = wasmModule(
  section(SECTION.type, list(type(1, 1), type(2, 0), type(0, 1))),
  section(SECTION.function, list([0], [1], [2])),
  section(SECTION.memory, list([0, 1])),
  section(SECTION.export, list(exported('memory', 2, 0), exported('grow', 0, 0), exported('fill', 0, 1), exported('flood', 0, 2))),
  section(
    SECTION.code,
    list(
      code(0x20, 0, 0x40, 0),
      code(0x20, 0, 0x41, 1, 0x20, 1, 0xfc, 0x0b, 0),
      // loop: (memory.grow 16) == -1 ? return 0 : fill the last megabyte with ones, once more
      code(
        ...[0x03, 0x40, 0x41, 16, 0x40, 0, 0x41, 0x7f, 0x46, 0x04, 0x40, 0x41, 0, 0x0f, 0x0b],
        ...[0x3f, 0, 0x41, 16, 0x6b, 0x41, 16, 0x74, 0x41, 1, 0x41, ...[0x80, 0x80, 0xc0, 0], 0xfc, 0x0b, 0],
        ...[0x0c, 0, 0x0b, 0x41, 0],
      ),
    ),
  ),
)

/** `ask()` calls the imported `env.answer()` and adds 1. */
export const ASKING = wasmModule(
  section(SECTION.type, list(type(0, 1))),
  section(SECTION.import, list([...name('env'), ...name('answer'), 0, 0])),
  section(SECTION.function, list([0])),
  section(SECTION.export, list(exported('ask', 0, 1))),
  section(SECTION.code, list(code(0x10, 0, 0x41, 1, 0x6a))),
)

/** Calls itself without end. */
export const RECURSING = wasmModule(
  section(SECTION.type, list(type(0, 0))),
  section(SECTION.function, list([0])),
  section(SECTION.export, list(exported('recurse', 0, 0))),
  section(SECTION.code, list(code(0x10, 0))),
)

/** Never comes back from being instantiated. */
export const SPINNING_START = wasmModule(
  section(SECTION.type, list(type(0, 0))),
  section(SECTION.function, list([0])),
  section(SECTION.start, [0]),
  section(SECTION.code, list(code(0x03, 0x40, 0x0c, 0, 0x0b))),
)

/** `hoard()` makes a linked list without end of what the engine's own garbage collector looks after. */
export const HOARDING = wasmModule(
  section(SECTION.type, list([0x5f, 1, 0x63, 0, 0], type(0, 0))),
  section(SECTION.function, list([1])),
  section(SECTION.export, list(exported('hoard', 0, 0))),
  section(SECTION.code, list([17, 1, 1, 0x63, 0, 0x03, 0x40, 0x20, 0, 0xfb, 0, 0, 0x21, 0, 0x0c, 0, 0x0b, 0x0b])),
)

/** `wait()` asks to be woken by another thread, in a memory that no other has. */
export const WAITING = wasmModule(
  section(SECTION.type, list(type(0, 1))),
  section(SECTION.function, list([0])),
  section(SECTION.memory, list([0, 1])),
  section(SECTION.export, list(exported('wait', 0, 0))),
  section(SECTION.code, list(code(0x41, 0, 0x41, 0, 0x42, 0x7f, 0xfe, 0x01, 2, 0))),
)

/** `run(n)` loops without end over so many additions: cheap to compile once, dear to compile well. */
export function large(additions: number): Uint8Array<ArrayBuffer> {
  const step = [0x20, 0, 0x20, 0, 0x6c, 0x20, 0, 0x6a, 0x21, 0]
  return wasmModule(
    section(SECTION.type, list(type(1, 0))),
    section(SECTION.function, list([0])),
    section(SECTION.export, list(exported('run', 0, 0))),
    section(SECTION.code, list(codeOf([0x03, 0x40, ...Array<Bytes>(additions).fill(step).flat(), 0x0c, 0, 0x0b]))),
  )
}

/** Imports of every kind but shared ones, then a memory. */
export const IMPORTING = wasmModule(
  section(SECTION.type, list(type(0, 0))),
  section(
    SECTION.import,
    list(
      [...name('env'), ...name('function'), 0, 0],
      [...name('env'), ...name('table'), 1, 0x70, 0, 1],
      [...name('env'), ...name('references'), 1, 0x63, 0x70, 1, 1, ...number(300)],
      [...name('env'), ...name('memory'), 2, 1, 1, ...number(300)],
      [...name('env'), ...name('global'), 3, I32, 1],
      [...name('env'), ...name('typed'), 3, 0x63, 0, 0],
      [...name('env'), ...name('tag'), 4, 0, 0],
    ),
  ),
  section(SECTION.memory, list([1, 1, 2])),
)

const SHARED = [3, 1, 2]

/** What must be refused, by where the shared memory is. */
export const SHARED_MEMORIES: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  declared: wasmModule(section(SECTION.memory, list(SHARED))),
  exported: wasmModule(section(SECTION.memory, list(SHARED)), section(SECTION.export, list(exported('memory', 2, 0)))),
  imported: wasmModule(section(SECTION.import, list([...name('env'), ...name('memory'), 2, ...SHARED]))),
  'the second one': wasmModule(section(SECTION.memory, list([0, 1], SHARED))),
  'behind other imports': wasmModule(
    section(SECTION.type, list(type(0, 0))),
    section(
      SECTION.import,
      list([...name('a'), ...name('f'), 0, 0], [...name('a'), ...name('g'), 3, I32, 0], [...name('a'), ...name('m'), 2, ...SHARED]),
    ),
  ),
  'behind a custom section': wasmModule(section(0, [...name('shared'), 5, 1, 2, 3]), section(SECTION.memory, list(SHARED))),
  'of 64 bits': wasmModule(section(SECTION.memory, list([7, 1, 2]))),
  'with a size in more bytes than it needs': wasmModule([SECTION.memory, 0x84, 0x80, 0, ...list(SHARED)]),
}

/** As a text that a function can make bytes of. */
export const asSource = (bytes: Uint8Array): string => `Uint8Array.fromBase64(${JSON.stringify(Buffer.from(bytes).toString('base64'))})`
