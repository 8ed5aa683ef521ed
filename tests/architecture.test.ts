import { describe, expect, test } from 'vitest'
import { findCycle, isFile, parseImports, programOf, readImports, sourceFiles } from './source-tree.ts'

/**
 * The architecture: which area may import from which, types included. An area is a folder below `platform` or `runtime`, or
 * one of the files that stand there alone. An area that is not here may not exist, an arrow that is not here may not be drawn.
 */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  'platform/main.ts': [
    'platform/banner.ts',
    'platform/config.ts',
    'platform/controller-role.ts',
    'platform/data-dir.ts',
    'platform/gateway',
    'platform/redis',
    'platform/registry',
    'platform/start-error.ts',
    'platform/telemetry',
    'runtime/contract',
    'runtime/lane',
  ],
  'platform/controller-role.ts': [
    'platform/async',
    'platform/autoscaler',
    'platform/billing',
    'platform/config.ts',
    'platform/invocations',
    'platform/lanes',
    'platform/registry',
    'platform/telemetry',
    'runtime/contract',
    'runtime/lane',
  ],
  'platform/openapi': ['platform/async', 'platform/autoscaler', 'platform/billing', 'platform/registry', 'runtime/contract'],
  'platform/gateway': [
    'platform/async',
    'platform/autoscaler',
    'platform/billing',
    'platform/builder',
    'platform/invocations',
    'platform/lanes',
    'platform/openapi',
    'platform/problem.ts',
    'platform/registry',
    'platform/start-error.ts',
    'platform/telemetry',
    'runtime/contract',
    'runtime/lane',
  ],
  'platform/async': ['platform/invocations', 'platform/registry', 'runtime/contract', 'runtime/egress', 'runtime/lane'],
  'platform/invocations': ['platform/problem.ts', 'platform/registry', 'platform/start-error.ts', 'runtime/contract', 'runtime/lane'],
  'platform/lanes': ['platform/autoscaler', 'platform/registry', 'runtime/contract', 'runtime/lane'],
  'platform/autoscaler': ['runtime/contract', 'runtime/lane'],
  'platform/billing': ['runtime/contract', 'runtime/lane'],
  'platform/builder': ['runtime/contract', 'runtime/jail'],
  'platform/registry': ['runtime/contract'],
  'platform/telemetry': ['platform/start-error.ts', 'runtime/lane'],
  'platform/redis': ['platform/start-error.ts'],
  'platform/banner.ts': ['platform/registry'],
  'platform/config.ts': ['platform/start-error.ts', 'runtime/contract'],
  'platform/problem.ts': [],
  'platform/data-dir.ts': ['platform/start-error.ts'],
  'platform/start-error.ts': [],

  'runtime/main.ts': ['runtime/config.ts', 'runtime/worker'],
  'runtime/worker': ['runtime/assets', 'runtime/config.ts', 'runtime/contract', 'runtime/data', 'runtime/host', 'runtime/jail', 'runtime/lane'],
  'runtime/host': ['runtime/contract', 'runtime/egress'],
  'runtime/egress': ['runtime/contract'],
  'runtime/data': ['runtime/contract'],
  'runtime/lane': ['runtime/contract'],
  'runtime/assets': ['runtime/contract', 'runtime/prelude'],
  'runtime/cell': ['runtime/contract', 'runtime/jail', 'runtime/prelude'],
  'runtime/prelude': ['runtime/contract'],
  'runtime/jail': [],
  'runtime/config.ts': ['runtime/contract'],
  'runtime/contract': [],
}

const files = sourceFiles('platform', 'runtime')
const imports = files.flatMap(readImports)

/** `platform/gateway/app.ts` → `platform/gateway`; `platform/main.ts` → itself. */
function areaOf(file: string): string {
  return file.split('/').slice(0, 2).join('/')
}

describe('the architecture', () => {
  test('every area has its place in the table of arrows', () => {
    expect([...new Set(files.map(areaOf))].sort()).toEqual(Object.keys(ARROWS).sort())
  })

  test('imports point only where the table has an arrow', () => {
    const wrong = imports.filter(({ from, to }) => to !== undefined && areaOf(to) !== areaOf(from) && !ARROWS[areaOf(from)]?.includes(areaOf(to)))
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([])
  })

  test('the table itself points down: no area reaches itself', () => {
    const arrows = Object.entries(ARROWS).flatMap(([from, targets]) => targets.map((to) => ({ from, to, specifier: to, typeOnly: false })))
    expect(findCycle(arrows)).toBeUndefined()
  })

  test('runtime never imports platform', () => {
    const runtimeAreas = Object.keys(ARROWS).filter((area) => area.startsWith('runtime/'))
    expect(runtimeAreas.flatMap((area) => ARROWS[area] ?? []).filter((target) => !target.startsWith('runtime/'))).toEqual([])
  })

  test('platform sees of runtime only the contract and the lane, the builder the jail, and what sends callbacks the guard of ways out', () => {
    const seen = Object.entries(ARROWS).flatMap(([area, targets]) =>
      area.startsWith('platform/') ? targets.filter((target) => target.startsWith('runtime/')).map((target) => `${area} → ${target}`) : [],
    )
    const others = seen.filter((arrow) => !/ → runtime\/(contract|lane)$/.test(arrow))
    expect(others).toEqual(['platform/async → runtime/egress', 'platform/builder → runtime/jail'])
  })

  test('no two files import each other, directly or around a corner', () => {
    expect(findCycle(imports)).toBeUndefined()
  })

  test('every import names a file that is there, with its .ts ending: no folders, no barrels', () => {
    const wrong = imports.filter(({ to }) => to !== undefined && !(to.endsWith('.ts') && isFile(to)))
    expect(wrong.map(({ from, specifier }) => `${from}: ${specifier}`)).toEqual([])
    expect(files.filter((file) => /(^|\/)index\.ts$/.test(file))).toEqual([])
  })
})

describe('what runs behind a wall', () => {
  const outside = (entry: string, areas: readonly string[]) =>
    programOf(entry, imports)
      .filter(({ to }) => to !== undefined && !areas.includes(areaOf(to)))
      .map(({ from, to }) => `${from} → ${to}`)
  const packages = (entry: string) => new Set(programOf(entry, imports).flatMap(({ to, specifier }) => (to === undefined ? [specifier] : [])))

  test('the prelude consists of itself and of constants of the contract, and of nothing of Node', () => {
    expect(outside('runtime/prelude/main.ts', ['runtime/prelude', 'runtime/contract'])).toEqual([])
    const contract = programOf('runtime/prelude/main.ts', imports).flatMap(({ to }) => (to?.startsWith('runtime/contract/') ? [to] : []))
    expect([...new Set(contract)].sort()).toEqual(['runtime/contract/kv.ts', 'runtime/contract/limits.ts', 'runtime/contract/messages.ts'])
    expect([...packages('runtime/prelude/main.ts')].filter((name) => name.startsWith('node:') || name === 'isolated-vm')).toEqual([])
  })

  test('the cell consists of itself, the contract, the jail and the way into the prelude', () => {
    expect(outside('runtime/cell/main.ts', ['runtime/cell', 'runtime/contract', 'runtime/jail', 'runtime/prelude'])).toEqual([])
    const prelude = programOf('runtime/cell/main.ts', imports).flatMap(({ to }) => (to?.startsWith('runtime/prelude/') ? [to] : []))
    expect(prelude).toEqual(['runtime/prelude/attach.ts'])
  })

  test('the cell has no way to a network or to another process', () => {
    const reach = ['node:child_process', 'node:cluster', 'node:dgram', 'node:http', 'node:http2', 'node:https', 'node:tls', 'node:worker_threads']
    expect([...packages('runtime/cell/main.ts')].filter((name) => reach.includes(name) || !name.startsWith('node:'))).toEqual([])
  })
})

describe('how imports are read', () => {
  const read = (source: string) => parseImports('platform/gateway/app.ts', source).map(({ to, specifier, typeOnly }) => [to ?? specifier, typeOnly])

  test('values, types, several lines, re-exports, bare and dynamic imports are all seen', () => {
    const source = [
      "import { Hono } from 'hono'",
      "import type { Lane } from '../../runtime/lane/lane.ts'",
      "import {\n  type A,\n  b,\n} from './b.ts'",
      "export { c } from './c.ts'",
      "export type { D } from './d.ts'",
      "import './e.ts'",
      "const f = await import('../f/f.ts')",
    ].join('\n')
    expect(read(source)).toEqual([
      ['hono', false],
      ['runtime/lane/lane.ts', true],
      ['platform/gateway/b.ts', false],
      ['platform/gateway/c.ts', false],
      ['platform/gateway/d.ts', true],
      ['platform/gateway/e.ts', false],
      ['platform/f/f.ts', false],
    ])
  })

  test('a ring is found, and a ring of types alone is none', () => {
    const arrow = (from: string, to: string, typeOnly = false) => ({ from, to, specifier: to, typeOnly })
    expect(findCycle([arrow('a', 'b'), arrow('b', 'c'), arrow('c', 'b')])).toEqual(['b', 'c', 'b'])
    expect(findCycle([arrow('a', 'b'), arrow('b', 'a', true)])).toBeUndefined()
  })
})
