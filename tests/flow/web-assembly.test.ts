import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Platform, startPlatform } from '../platform.ts'
import { ADD, asSource, GROWING, SHARED_MEMORIES, SPIN } from '../wasm-modules.ts'

let platform: Platform
beforeAll(async () => {
  platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
})
afterAll(async () => void (await platform.stop()))

/** 217 ms of CPU, and wall time enough to burn it on a crowded machine. */
const LITTLE = 'wasm=true&memoryMb=64&timeoutMs=6000'
const ROOMY = 'wasm=true&memoryMb=64&timeoutMs=60000'

const instance = (bytes: Uint8Array): string => `const { exports: wasm } = new WebAssembly.Instance(new WebAssembly.Module(${asSource(bytes)}))\n`

async function invoke(name: string, event: unknown = null): Promise<{ status: number; body: unknown; ms: number }> {
  const startedAt = performance.now()
  const response = await platform.fetch(`/v1/functions/${name}/invocations`, { method: 'POST', body: JSON.stringify(event) })
  return { status: response.status, body: await response.json(), ms: performance.now() - startedAt }
}

async function put(name: string, body: string | FormData, query = ''): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await platform.fetch(`/v1/functions/${name}${query}`, { method: 'PUT', body })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

function form(parts: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>, metadata: object): FormData {
  const made = new FormData()
  made.append('metadata', JSON.stringify(metadata))
  for (const [name, part] of Object.entries(parts)) made.append(name, new Blob([part]), name)
  return made
}

/** Command lines of the worker's cells, with their pids. */
async function cells(): Promise<{ pid: number; command: string }[]> {
  const [worker] = await platform.workers()
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const parent = /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')
        return Number(parent) === worker?.pid && command.includes('cell.js') ? [{ pid: Number(pid), command }] : []
      } catch {
        return []
      }
    })
}

describe('a function with wasm=true', () => {
  test('computes in WebAssembly, and says that it has it', async () => {
    await platform.deploy('adds', `${instance(ADD)}export default ([a, b]) => wasm.add(a, b)`, LITTLE)
    expect(await invoke('adds', [20, 22])).toMatchObject({ status: 200, body: 42 })
    expect(await platform.json('/v1/functions/adds')).toMatchObject({ version: { wasm: true, memoryMb: 64 } })
  })

  test('runs in a cell of its own, whose memories are bounded by its memoryMb; its siblings are elsewhere', async () => {
    await platform.deploy('alone', `${instance(GROWING)}export default ({ pages }) => wasm.grow(pages)`, LITTLE)
    await platform.deploy('plain', 'export default () => typeof WebAssembly', 'memoryMb=64')
    expect(await invoke('alone', { pages: 1_023 })).toMatchObject({ body: 1 })
    expect(await invoke('alone', { pages: 1 })).toMatchObject({ body: -1 })
    expect(await invoke('plain')).toMatchObject({ body: 'undefined' })
    const bounded = (await cells()).filter(({ command }) => command.includes('--wasm-max-mem-pages=1024'))
    expect(bounded.length).toBeGreaterThanOrEqual(1)
    expect((await cells()).length).toBeGreaterThan(bounded.length)
  })

  test('an endless loop is ended by its CPU budget, in a call and at load', async () => {
    await platform.deploy('spins', `${instance(SPIN)}export default () => wasm.spin()`, LITTLE)
    const { status, body, ms } = await invoke('spins')
    expect({ status, body }).toMatchObject({ status: 502, body: { limit: 'cpu', allowed: 217 } })
    expect(ms).toBeLessThan(6_000)
    expect(await put('spins-at-load', `${instance(SPIN)}wasm.spin()\nexport default () => 1`, '?wasm=true')).toMatchObject({ status: 422 })
    expect(await invoke('adds', [1, 2])).toMatchObject({ body: 3 })
  })

  test('memories that are flooded end at the page limit, or as memory exceeded; then it starts anew', async () => {
    await platform.deploy('floods', `${instance(GROWING)}export default () => wasm.flood()`, ROOMY)
    expect(await invoke('floods')).toMatchObject({ status: 200, body: 0 })
    await platform.deploy(
      'hoards',
      `const module = new WebAssembly.Module(${asSource(GROWING)}), all = []
       export default () => { for (;;) { const { exports } = new WebAssembly.Instance(module); exports.flood(); all.push(exports) } }`,
      ROOMY,
    )
    for (let round = 0; round < 2; round++) expect(await invoke('hoards')).toMatchObject({ status: 502, body: { limit: 'memory' } })
  })

  test('memory that calls leave behind counts: the one that goes over is ended for memory', async () => {
    await platform.deploy(
      'keeps',
      `const module = new WebAssembly.Module(${asSource(GROWING)}), all = []
       export default () => { const { exports } = new WebAssembly.Instance(module); exports.grow(319); exports.fill(0, 319 * 65536); return all.push(exports) }`,
      ROOMY,
    )
    const ends: unknown[] = []
    for (let call = 0; call < 8 && !ends.includes('memory'); call++) {
      const { body } = await invoke('keeps')
      ends.push(typeof body === 'number' ? body : (body as { limit?: string }).limit)
    }
    expect(ends.length).toBeGreaterThan(3)
    expect(ends.at(-1)).toBe('memory')
  })

  test('shared memories are refused at deploy', async () => {
    const answer = await put('shares', `${instance(SHARED_MEMORIES.declared as Uint8Array)}export default () => 1`, '?wasm=true')
    expect(answer).toMatchObject({ status: 422, body: { error: { name: 'CompileError', message: expect.stringContaining('without threads') } } })
  })

  test('many calls at once that each need a sandbox are all answered', async () => {
    await platform.deploy(
      'sleeps',
      `${instance(ADD)}export default (n) => new Promise((wake) => setTimeout(() => wake(wasm.add(n, 1)), 100))`,
      LITTLE,
    )
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => invoke('sleeps', n)))
    expect(answers.map(({ body }) => body)).toEqual([2, 3, 4, 5, 6])
  })
})

describe('an import of a .wasm module', () => {
  const source = `import add from './lib/add.wasm'\nconst { exports: wasm } = new WebAssembly.Instance(add)\nexport default ([a, b]) => [add instanceof WebAssembly.Module, wasm.add(a, b)]`

  test('is a WebAssembly.Module', async () => {
    const parts = { 'index.ts': source, 'lib/add.wasm': ADD }
    expect(await put('imports', form(parts, { main_module: 'index.ts', wasm: true }))).toMatchObject({
      status: 201,
      body: { settings: { wasm: true } },
    })
    expect(await invoke('imports', [1, 2])).toMatchObject({ body: [true, 3] })
    const asModule = { 'index.ts': source.replace('add.wasm', 'add.wasm?module'), 'lib/add.wasm': ADD }
    expect(await put('imports', form(asModule, { main_module: 'index.ts' }))).toMatchObject({ status: 201, body: { settings: { wasm: true } } })
    expect(await invoke('imports', [2, 2])).toMatchObject({ body: [true, 4] })
  })

  test('is refused without the setting, which the answer names; with it switched off later too', async () => {
    const upload = form({ 'index.ts': source, 'lib/add.wasm': ADD }, { main_module: 'index.ts' })
    expect(await put('unset', upload)).toMatchObject({
      status: 422,
      body: { detail: expect.stringMatching(/lib\/add\.wasm:1:\d+: ReferenceError: .*wasm=true/) },
    })
    const off = await platform.fetch('/v1/functions/imports', { method: 'PATCH', body: '{"wasm": false}' })
    expect({ status: off.status, text: await off.text() }).toMatchObject({ status: 422, text: expect.stringContaining('wasm=true') })
    expect(await invoke('imports', [1, 2])).toMatchObject({ body: [true, 3] })
  })

  test('of bytes that are no module says where', async () => {
    const broken = form({ 'index.ts': source, 'lib/add.wasm': Uint8Array.of(1, 2, 3) }, { main_module: 'index.ts', wasm: true })
    expect(await put('broken', broken)).toMatchObject({ status: 422, body: { detail: expect.stringMatching(/lib\/add\.wasm:1:\d+: CompileError/) } })
  })
})
