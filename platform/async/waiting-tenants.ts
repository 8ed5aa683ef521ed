import type { Store } from '../registry/open-store.ts'
import { publishChange } from '../registry/store-changes.ts'
import { StoreScript } from '../registry/store-script.ts'

/** Tenants whose queue has something in it. The score only grows: it tells whether something came since it was read. */
const KEY = 'isolane:events-waiting'
/** News that a tenant has come onto the list (registry/store-changes.ts): `async:<tenant>`. */
export const WAITING_CHANGE = 'async:'

const forget = new StoreScript(new URL('forget-waiting.lua', import.meta.url).href)

/** To be said after a job was added: whoever looks at the queue after this sees it. */
export async function noteWaiting(store: Store, tenant: string): Promise<void> {
  if (Number(await store.zincrby(KEY, 1, tenant)) === 1) await publishChange(store, `${WAITING_CHANGE}${tenant}`)
}

export async function waitingTenants(store: Store): Promise<string[]> {
  return await store.zrange(KEY, 0, '-1')
}

/** To be read before the queue is looked at. undefined: it is not on the list. */
export async function waitingScore(store: Store, tenant: string): Promise<string | undefined> {
  return (await store.zscore(KEY, tenant)) ?? undefined
}

/** Takes a tenant off the list whose queue was found empty after its score was read. */
export async function forgetWaiting(store: Store, tenant: string, score: string): Promise<void> {
  await forget.run(store, tenant, score)
}
