import type { AliasTarget, FunctionState } from './function-state.ts'
import { SettingError } from './parse-settings.ts'

const MAX_TARGETS = 20
const MAX_ALIASES = 20
const MAX_WEIGHT = 1_000_000
const TARGETS = 'either {"version": 3} or {"weights": {"3": 90, "4": 10}}'
const WEIGHTS = 'an object such as {"3": 90, "4": 10}'
const WEIGHT = `a number over 0, up to ${MAX_WEIGHT}`

/**
 * Reads `{version: 3}` or `{weights: {"3": 90, "4": 10}}` against the versions there are.
 *
 * @throws SettingError naming the field, what it may be and what came
 */
export function parseAliasTargets(alias: string, body: Readonly<Record<string, unknown>>, state: FunctionState): AliasTarget[] {
  if (!Object.hasOwn(state.aliases, alias) && Object.keys(state.aliases).length >= MAX_ALIASES) {
    throw new SettingError('alias', `a function has at most ${MAX_ALIASES} aliases`, Object.keys(state.aliases))
  }
  const { version, weights, ...others } = body
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new SettingError(unknown, 'no such field, allowed are version, weights', ['version', 'weights'])
  if ((version === undefined) === (weights === undefined)) throw new SettingError(alias, `wanted ${TARGETS}`, TARGETS)
  if (weights === undefined) return [{ version: existing(version, 'version', state), weight: 1 }]
  return parseWeights(weights, state)
}

function parseWeights(weights: unknown, state: FunctionState): AliasTarget[] {
  if (typeof weights !== 'object' || weights === null || Array.isArray(weights)) {
    throw new SettingError('weights', `wanted ${WEIGHTS}, got ${JSON.stringify(weights)}`, WEIGHTS)
  }
  const pairs = Object.entries(weights)
  if (pairs.length < 1 || pairs.length > MAX_TARGETS) {
    throw new SettingError('weights', `wanted 1 to ${MAX_TARGETS} versions, got ${pairs.length}`, `1 to ${MAX_TARGETS} versions`)
  }
  return pairs.map(([text, weight]) => {
    if (typeof weight !== 'number' || !(weight > 0 && weight <= MAX_WEIGHT)) {
      throw new SettingError(`weights.${text}`, `wanted ${WEIGHT}, got ${JSON.stringify(weight)}`, WEIGHT)
    }
    return { version: existing(/^\d{1,9}$/.test(text) ? Number(text) : text, `weights.${text}`, state), weight }
  })
}

function existing(version: unknown, field: string, { versions }: FunctionState): number {
  const entry = versions.find((candidate) => candidate.version === version)
  if (entry) return entry.version
  const there = versions.map((candidate) => candidate.version)
  throw new SettingError(field, `wanted one of the versions ${there.join(', ')}, got ${JSON.stringify(version)}`, there)
}
