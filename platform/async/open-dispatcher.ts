import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { EgressEntry } from '../../runtime/contract/egress-allow.ts'
import type { LaneAddress } from '../../runtime/contract/lanes.ts'
import type { SecretsKey } from '../../runtime/contract/secrets-key.ts'
import { EgressGuard } from '../../runtime/egress/egress-guard.ts'
import { machineAddresses } from '../../runtime/egress/machine-addresses.ts'
import { redisEntries } from '../../runtime/egress/redis-entries.ts'
import { createResolveName } from '../../runtime/egress/resolve-name.ts'
import { openEntrance } from '../invocations/entrance.ts'
import type { InvokeDeps } from '../invocations/invoke.ts'
import { FunctionDirectory } from '../registry/function-directory.ts'
import { FunctionRegistry } from '../registry/function-registry.ts'
import type { Store } from '../registry/open-store.ts'
import { watchStoreChanges } from '../registry/store-changes.ts'
import { TenantDirectory } from '../registry/tenant-directory.ts'
import { TenantRegistry } from '../registry/tenant-registry.ts'
import { AsyncEvents } from './async-events.ts'
import { createDeliverCallback } from './callback-delivery.ts'
import { Dispatcher } from './dispatcher.ts'
import { reviveStranded } from './revive-stranded.ts'
import { ScheduleRunner } from './schedule-runner.ts'

export interface DispatcherProcessOptions {
  readonly lanes: readonly LaneAddress[]
  readonly store: Store
  readonly storeUrl: string
  readonly dataDir: string
  /** Where workers on other machines find it; undefined: there are none. */
  readonly dataHost: string | undefined
  readonly secretsKey: SecretsKey
  readonly egressAllow: readonly EgressEntry[]
  readonly answered: InvokeDeps['answered']
  readonly log: Pick<Logger, 'debug' | 'error'>
}

const CONNECT_TIMEOUT_MS = 10_000
/** Longer than a dispatcher waits for what runs. */
const STOP_WITHIN_MS = 8_000
const REVIVE_EVERY_MS = 5 * 60_000

/** Everything between the queues of the store and the lanes. Runs until it is disposed of. */
export async function openDispatcher(options: DispatcherProcessOptions): Promise<AsyncDisposable> {
  const { lanes, store, storeUrl, dataDir, dataHost, secretsKey, egressAllow, answered, log } = options
  await using releases = new AsyncDisposableStack()
  const onError = (error: Error): void => log.debug({ err: error }, 'Dispatcher')
  // Nobody waits for it: it says a command again for as long as it takes, which every one of its steps bears.
  const patient = releases.adopt(
    store.duplicate({ commandTimeout: undefined, maxRetriesPerRequest: null, autoResendUnfulfilledCommands: true }),
    (it) => it.disconnect(),
  )
  patient.on('error', onError)
  await patient.connect()

  const tenantRegistry = new TenantRegistry({ store: patient, changed: (key) => tenants.changed(key) })
  const tenants = new TenantDirectory({ tenants: tenantRegistry })
  const registry = new FunctionRegistry({ store: patient, dataDir, changed: (key) => functions.changed(key) })
  const functions = new FunctionDirectory({ functions: registry, tenants })
  const id = `d-${randomBytes(6).toString('hex')}`
  const { submitter, invoke } = releases.use(await openEntrance({ id, lanes, dataDir, dataHost, functions, tenants, answered, onError }))
  const events = releases.use(new AsyncEvents({ store: patient, onError }))
  const guard = new EgressGuard({ allow: egressAllow, deny: redisEntries([storeUrl, ...lanes.map(({ url }) => url)]), own: machineAddresses() })
  const deliver = createDeliverCallback({ secretsKey, dialer: { guard, resolve: createResolveName(), timeoutMs: CONNECT_TIMEOUT_MS } })
  const forget = async (fn: string, id: string, attempt: number): Promise<void> => await submitter.forget(fn, id, attempt).catch(onError)
  const dispatcher = releases.adopt(new Dispatcher({ store: patient, events, functions, invoke, forget, deliver, onError }), (it) =>
    withinTime(it.stop()),
  )
  releases.use(await watchStoreChanges(store, [functions, tenants, dispatcher]))
  dispatcher.start()
  await releases.adopt(new ScheduleRunner({ store: patient, events, onError }), (it) => withinTime(it.close())).start()

  const revive = async (): Promise<void> => {
    for (const { name } of await tenantRegistry.list()) await reviveStranded(name, { store: patient, events })
  }
  let reviving = revive().catch(onError)
  const timer = setInterval(() => {
    reviving = reviving.then(revive).catch(onError)
  }, REVIVE_EVERY_MS)
  releases.defer(() => clearInterval(timer))
  const opened = releases.move()
  return { [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** BullMQ waits for a store that has gone until it comes back. What was in hand is safe there, so an end need not wait for that. */
async function withinTime(ending: Promise<void>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, STOP_WITHIN_MS)
  await Promise.race([ending, late]).finally(() => clearTimeout(timer))
}
