import { describe, expect, test } from 'vitest'
import { acceptVersion, changeSettings, pointAlias, removeFunction } from '../../../platform/registry/function-decisions.ts'
import type { FunctionState } from '../../../platform/registry/function-state.ts'
import { hiddenSettings, removeSecret, setSecret } from '../../../platform/registry/secret-decisions.ts'
import { MAX_SECRETS } from '../../../runtime/contract/secrets.ts'

const LIMITS = { memoryMb: 128, timeoutMs: 1_000, concurrency: 1 }
const DRAFT = { versionId: 'ab'.repeat(16), sha256: 'c'.repeat(64), sourceBytes: 1, bundleBytes: 1, asked: {}, createdAt: 1 }
const LOADED = { draft: DRAFT, style: 'event' as const, limits: LIMITS, change: {}, moveLive: true }
const BARE = acceptVersion('acme', 'shop', undefined, LOADED, 1).state

function withSecret(state: FunctionState, name: string, now = 2): FunctionState {
  const decision = setSecret(state, name, `sealed ${name}`, now)
  if (decision === 'full') throw new Error('full')
  return decision.state
}

describe('setting a secret', () => {
  test('makes a revision that calls can tell, notes when, and has no text in the state', () => {
    const decision = setSecret(BARE, 'A', 'sealed', 5)
    expect(decision).toMatchObject({ state: { revision: 2, secrets: { revision: 2, setAt: { A: 5 } } }, freed: [], secrets: { A: 'sealed' } })
    expect(JSON.stringify((decision as { state: FunctionState }).state)).not.toContain('sealed')
  })

  test('again is a change as well', () => {
    expect(withSecret(withSecret(BARE, 'A', 2), 'A', 3).secrets).toEqual({ revision: 3, setAt: { A: 3 } })
  })

  test(`is refused for number ${MAX_SECRETS + 1}, but not for one of the ${MAX_SECRETS} there are`, () => {
    const full = Array.from({ length: MAX_SECRETS }, (_, at) => `A${at}`).reduce((state, name) => withSecret(state, name), BARE)
    expect(setSecret(full, 'B', 'sealed', 2)).toBe('full')
    expect(setSecret(full, 'A0', 'sealed', 2)).not.toBe('full')
  })
})

describe('removing a secret', () => {
  test('leaves the others, and a revision that calls can tell', () => {
    const both = withSecret(withSecret(BARE, 'A'), 'B')
    expect(removeSecret(both, 'A', 9)).toMatchObject({ state: { secrets: { revision: 4, setAt: { B: 2 } } }, secrets: { A: null } })
  })

  test('of a name that is not there, or only every object has, is missing', () => {
    for (const name of ['B', 'constructor', '__proto__']) {
      expect(removeSecret(BARE, name, 2)).toBe('missing')
      expect(removeSecret(withSecret(BARE, 'A'), name, 2)).toBe('missing')
    }
  })
})

describe('secrets stay where they are', () => {
  const state = withSecret(BARE, 'A')
  const { secrets } = state

  test.each([
    ['a new version', acceptVersion('acme', 'shop', state, LOADED, 3).state],
    ['another version as live', pointAlias(state, 'live', [{ version: 1, weight: 1 }], 3).state],
    ['another setting', changeSettings(state, { access: 'public' }, 3).state],
  ])('with %s', (_, next) => {
    expect(next.secrets).toEqual(secrets)
  })

  test('until the function goes; one of the same name made after it has none', () => {
    const gone = removeFunction(state, 3).state
    expect(gone.secrets).toBeUndefined()
    expect(acceptVersion('acme', 'shop', gone, LOADED, 4).state.secrets).toBeUndefined()
  })
})

test('a plain setting is hidden by a secret of its name, and by no other', () => {
  expect(hiddenSettings({ A: '1', B: '2' }, withSecret(BARE, 'A'))).toEqual(['A'])
  expect(hiddenSettings({ A: '1' }, BARE)).toEqual([])
})
