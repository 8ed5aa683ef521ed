import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAliasTargets } from '../../../platform/registry/alias-targets.ts'
import type { Loaded } from '../../../platform/registry/function-decisions.ts'
import { acceptVersion, changeSettings, KEPT_UNALIASED_VERSIONS, pointAlias, removeFunction } from '../../../platform/registry/function-decisions.ts'
import type { FunctionState } from '../../../platform/registry/function-state.ts'
import { liveVersion } from '../../../platform/registry/function-state.ts'

let uploads = 0
const loaded = (over: Partial<Loaded> = {}): Loaded => ({
  draft: { versionId: `id${++uploads}`, sha256: `sha${uploads}`, sourceBytes: 1, bundleBytes: 1, asked: {}, createdAt: 5 },
  style: 'event',
  limits: { memoryMb: 128, timeoutMs: 5_000, concurrency: 1 },
  change: {},
  moveLive: true,
  ...over,
})
const accept = (state?: FunctionState, over?: Partial<Loaded>) => acceptVersion('acme', 'shop', state, loaded(over), 7)
const numbers = (state: FunctionState) => state.versions.map(({ version }) => version)

describe('acceptVersion()', () => {
  test('the first version is 1 and live', () => {
    const { state, entry, live } = accept()
    expect(entry).toMatchObject({ version: 1, style: 'event' })
    expect(live).toEqual({ moved: true })
    expect(state).toMatchObject({
      tenant: 'acme',
      name: 'shop',
      revision: 1,
      lastVersion: 1,
      aliases: { live: [{ version: 1, weight: 1 }] },
      access: 'private',
      createdAt: 7,
    })
  })

  test('live=false leaves live where it is, also at nothing', () => {
    const first = accept(undefined, { moveLive: false })
    expect(first.live).toMatchObject({ moved: false })
    expect(first.state.aliases).toEqual({})
    const second = accept(accept().state, { moveLive: false })
    expect(liveVersion(second.state)?.version).toBe(1)
  })

  test('a split live is not touched, and the answer says why', () => {
    const two = accept(accept().state).state
    const targets = [
      { version: 1, weight: 90 },
      { version: 2, weight: 10 },
    ]
    const { state, live } = accept(pointAlias(two, 'live', targets, 8).state)
    expect(live).toEqual({ moved: false, reason: expect.stringContaining('1 (weight 90), 2 (weight 10)') })
    expect(state.aliases.live).toEqual(targets)
  })

  test('a setting of the function takes effect with the version that brought it, and stays', () => {
    const first = accept(undefined, { change: { access: 'public' } }).state
    expect(accept(first).state.access).toBe('public')
  })

  test(`keeps ${KEPT_UNALIASED_VERSIONS} versions besides the aliased ones, the newest`, () => {
    let state = accept().state
    state = pointAlias(state, 'stable', [{ version: 1, weight: 1 }], 8).state
    const freed: number[] = []
    for (let i = 0; i < 30; i++) {
      const decision = accept(state)
      freed.push(...decision.freed.map(({ version }) => version))
      state = decision.state
    }
    // 31 is live, 1 is stable.
    expect(numbers(state)).toEqual([1, ...Array.from({ length: 21 }, (_, i) => i + 11)])
    expect(freed).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10])
  })
})

test('changing settings leaves the versions alone', () => {
  const state = accept().state
  expect(changeSettings(state, { maxConcurrency: 0 }, 9).state).toEqual({ ...state, maxConcurrency: 0, revision: 2, updatedAt: 9 })
})

test('a removed function lets go of everything but its counting, and comes back with the next number and default settings', () => {
  const state = accept(accept(undefined, { change: { access: 'public' } }).state).state
  const removed = removeFunction(state, 9)
  expect(removed.freed).toEqual(state.versions)
  expect(removed.state).toMatchObject({ removed: true, versions: [], aliases: {}, lastVersion: 2, revision: 3 })
  expect(accept(removed.state).state).toMatchObject({
    removed: false,
    lastVersion: 3,
    revision: 4,
    access: 'private',
    aliases: { live: [{ version: 3, weight: 1 }] },
  })
})

test('whatever happens in whatever order: revisions and numbers only grow, aliases point to versions there are, what is freed is gone', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('accept' as const), moveLive: fc.boolean() }),
    fc.record({
      kind: fc.constant('alias' as const),
      alias: fc.constantFrom('live', 'beta'),
      picks: fc.array(fc.nat(50), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('remove' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let state = accept().state
      for (const action of steps) {
        if (action.kind !== 'accept' && state.removed) continue
        const versions = state.versions
        const decision =
          action.kind === 'accept'
            ? accept(state, { moveLive: action.moveLive })
            : action.kind === 'remove'
              ? removeFunction(state, 9)
              : pointAlias(
                  state,
                  action.alias,
                  action.picks.map((pick) => ({ version: versions[pick % versions.length]?.version ?? 0, weight: 1 })),
                  9,
                )
        const next = decision.state
        expect(next.revision).toBe(state.revision + 1)
        expect(next.lastVersion).toBe(state.lastVersion + (action.kind === 'accept' ? 1 : 0))
        expect(numbers(next)).toEqual(numbers(next).toSorted((a, b) => a - b))
        for (const targets of Object.values(next.aliases)) for (const { version } of targets) expect(numbers(next)).toContain(version)
        for (const { version } of decision.freed) expect(numbers(next)).not.toContain(version)
        state = next
      }
    }),
  )
})

describe('parseAliasTargets()', () => {
  const state = accept(accept().state).state

  test('reads one version or weights over several', () => {
    expect(parseAliasTargets('live', { version: 2 }, state)).toEqual([{ version: 2, weight: 1 }])
    expect(parseAliasTargets('live', { weights: { 1: 90, 2: 10 } }, state)).toEqual([
      { version: 1, weight: 90 },
      { version: 2, weight: 10 },
    ])
  })

  test.each([
    [{}, 'wanted either {"version": 3} or {"weights": {"3": 90, "4": 10}}'],
    [{ version: 1, weights: {} }, 'wanted either'],
    [{ version: 9 }, 'Cannot set version: wanted one of the versions 1, 2, got 9'],
    [{ version: '2' }, 'Cannot set version: wanted one of the versions 1, 2, got "2"'],
    [{ weights: {} }, 'Cannot set weights: wanted 1 to 20 versions, got 0'],
    [{ weights: { 1: 0 } }, 'Cannot set weights.1: wanted a number over 0'],
    [{ weights: { x: 1 } }, 'Cannot set weights.x: wanted one of the versions 1, 2, got "x"'],
    [{ percent: 5 }, 'Cannot set percent: no such field'],
  ])('refuses %o', (body, message) => {
    expect(() => parseAliasTargets('live', body, state)).toThrow(message)
  })
})
