import { MAX_SECRETS } from '../../runtime/contract/secrets.ts'
import type { Decision } from './function-decisions.ts'
import type { FunctionState } from './function-state.ts'

/** Also one that is set again to what it was counts as a change: nobody can tell the two apart. */
export function setSecret(state: FunctionState, name: string, sealed: string, now: number): Decision | 'full' {
  const setAt = state.secrets?.setAt ?? {}
  if (!Object.hasOwn(setAt, name) && Object.keys(setAt).length >= MAX_SECRETS) return 'full'
  return withSecrets(state, { ...setAt, [name]: now }, { [name]: sealed }, now)
}

export function removeSecret(state: FunctionState, name: string, now: number): Decision | 'missing' {
  const setAt = state.secrets?.setAt ?? {}
  if (!Object.hasOwn(setAt, name)) return 'missing'
  const { [name]: _, ...others } = setAt
  return withSecrets(state, others, { [name]: null }, now)
}

/** Names of plain settings that calls do not see, because there is a secret of the same name. */
export function hiddenSettings(env: Readonly<Record<string, string>>, { secrets }: FunctionState): string[] {
  return secrets === undefined ? [] : Object.keys(env).filter((name) => Object.hasOwn(secrets.setAt, name))
}

function withSecrets(
  state: FunctionState,
  setAt: Readonly<Record<string, number>>,
  secrets: Readonly<Record<string, string | null>>,
  now: number,
): Decision {
  const revision = state.revision + 1
  return { state: { ...state, secrets: { revision, setAt }, revision, updatedAt: now }, freed: [], secrets }
}
