import { randomBytes } from 'node:crypto'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Logger } from 'pino'
import type { LaneAddress } from '../../runtime/contract/lanes.ts'
import { MAX_QUEUE_WAIT_MS, MAX_TIMEOUT_MS } from '../../runtime/contract/limits.ts'
import type { SecretsKey } from '../../runtime/contract/secrets-key.ts'
import { AsyncEvents } from '../async/async-events.ts'
import { Schedules } from '../async/schedules.ts'
import { LedgerClient } from '../billing/ledger-client.ts'
import { ledgerSocketPath } from '../billing/socket-path.ts'
import { createBuilder } from '../builder/builder.ts'
import { reachableHost } from '../invocations/data-server.ts'
import { openEntrance } from '../invocations/entrance.ts'
import { type LaneHandle, openLaneHandle } from '../lanes/lane-handle.ts'
import { TenantMover } from '../lanes/tenant-mover.ts'
import { FunctionDirectory } from '../registry/function-directory.ts'
import { FunctionRegistry } from '../registry/function-registry.ts'
import { KeyRegistry } from '../registry/key-registry.ts'
import { Keyring } from '../registry/keyring.ts'
import type { Store } from '../registry/open-store.ts'
import { watchStoreChanges } from '../registry/store-changes.ts'
import { TenantDirectory } from '../registry/tenant-directory.ts'
import { TenantRegistry } from '../registry/tenant-registry.ts'
import { StartError } from '../start-error.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { createApp } from './app.ts'
import { asyncRoutes } from './async-routes.ts'
import { fleetRoutes } from './fleet-routes.ts'
import { createFunctionsRoutes } from './functions-routes.ts'
import { HeldBodies } from './held-bodies.ts'
import { createLoadOnce } from './load-once.ts'
import { logsRoutes } from './logs-routes.ts'
import { dropRestOfBodies } from './rest-of-body.ts'
import { rpcDoor } from './rpc-door.ts'
import { createSchedulesRoutes } from './schedules-routes.ts'
import { createSecretsRoutes } from './secrets-routes.ts'
import { createTenantsRoutes } from './tenants-routes.ts'
import { urlDoor } from './url-door.ts'
import { usageRoutes } from './usage-routes.ts'

export interface GatewayOptions {
  readonly host: string
  readonly port: number
  readonly lanes: readonly LaneAddress[]
  readonly store: Store
  readonly dataDir: string
  readonly secretsKey: SecretsKey
  /** 0: a worker is started when the first call comes, so none need be there now. */
  readonly minWorkers: number
  /** Workers may run on other machines. */
  readonly remoteWorkers: boolean
  readonly metrics: Metrics
  readonly log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>
}

export interface Gateway {
  readonly url: string
  /** Why it should get no traffic now. */
  notReady(): Promise<string[]>
  /** Takes no new connections, answers what it has accepted, then closes. */
  close(): Promise<void>
}

/** Callers that keep reading for longer than this while the gateway closes are cut off. */
const CLOSE_GRACE_MS = 30_000
const CLOSE_SWEEP_MS = 50
/** A body is sent at the pace at which its function reads, for as long as that may run. */
const MAX_REQUEST_MS = MAX_QUEUE_WAIT_MS + MAX_TIMEOUT_MS + 10_000

/** Everything between a port and the lanes. */
export async function openGateway({
  host,
  port,
  lanes,
  store,
  dataDir,
  secretsKey,
  minWorkers,
  remoteWorkers,
  metrics,
  log,
}: GatewayOptions): Promise<Gateway> {
  await using releases = new AsyncDisposableStack()
  const onError = (error: Error): void => log.debug({ err: error }, 'Lane connection of the gateway')
  const gatewayId = `g-${randomBytes(6).toString('hex')}`
  const handles = new Map(lanes.map((lane) => [lane.name, releases.use(openLaneHandle(lane, onError))]))

  const registry = new FunctionRegistry({ store, dataDir, changed: (key) => functions.changed(key) })
  const keyRegistry = new KeyRegistry({ store, changed: (key) => keys.changed(key) })
  const tenantRegistry = new TenantRegistry({ store, changed: (key) => tenants.changed(key) })
  const tenants = new TenantDirectory({ tenants: tenantRegistry })
  const functions = new FunctionDirectory({ functions: registry, tenants })
  const keys = new Keyring({ keys: keyRegistry })
  releases.use(await watchStoreChanges(store, [functions, tenants, keys]))
  const mover = new TenantMover({ tenants: tenantRegistry, lanes: new Map([...handles].map(([name, { view }]) => [name, view])), onError })
  const builder = releases.use(createBuilder({ log }))

  const events = releases.use(new AsyncEvents({ store, onError }))
  const schedules = releases.use(new Schedules({ store, events, onError }))
  const bodies = new HeldBodies()
  const dataHost = remoteWorkers ? reachableHost(host) : undefined
  const entrance = releases.use(
    await openEntrance({ id: gatewayId, lanes, dataDir, dataHost, functions, tenants, answered: metrics.invoked, onError }),
  )
  const { submitter, invoke } = entrance
  let closing = false
  const notReady = async (): Promise<string[]> => {
    const reasons: string[] = []
    if (closing) reasons.push('the gateway is closing')
    // One lane that can work is enough: to call the whole gateway unready would take the others' traffic away.
    const faults = await laneFaults(handles, entrance.closedLanes(), minWorkers)
    if (faults.length === handles.size) reasons.push(...faults)
    if (store.status !== 'ready') reasons.push('the store does not answer')
    return reasons
  }
  const app = createApp({
    log,
    keys,
    tenants: tenantRegistry,
    urlDoor: urlDoor({ functions, keys, invoke, events, bodies }),
    routes: [
      rpcDoor({ functions, invoke, events, bodies }),
      asyncRoutes({ events, secretsKey }),
      createFunctionsRoutes({
        registry,
        logs: { remove: async (tenant, name) => void (await Promise.all([...handles.values()].map(({ logs }) => logs.remove(tenant, name)))) },
        schedules,
        bodies,
        builder,
        loadOnce: createLoadOnce({ gatewayId, tenants, submit: (submission) => submitter.submit(submission) }),
      }),
      createSecretsRoutes({ registry, secretsKey }),
      createSchedulesRoutes({ schedules, functions, now: Date.now }),
      logsRoutes({ functions, tenants, lanes: handles }),
      createTenantsRoutes({ tenants: tenantRegistry, keys: keyRegistry, lanes: [...handles.keys()], mover }),
      usageRoutes({ ledger: new LedgerClient(ledgerSocketPath(dataDir)), tenants, now: Date.now }),
      fleetRoutes({ lanes: handles }),
    ],
    notReady,
  })
  const server = createAdaptorServer({ fetch: app.fetch, autoCleanupIncoming: false, serverOptions: { requestTimeout: MAX_REQUEST_MS } }) as Server
  dropRestOfBodies(server)
  const url = await listen(server, host, port)
  const opened = releases.move()
  return {
    url,
    notReady,
    async close() {
      closing = true
      const ended = new Promise<void>((resolve) => server.close(() => resolve()))
      // A connection that was answered a moment ago would be kept alive for five seconds, and this process with it.
      const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_SWEEP_MS)
      const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
      await ended
      clearInterval(sweep)
      clearTimeout(cut)
      await opened.disposeAsync()
    },
  }
}

/** Why lanes can do no work now. */
async function laneFaults(handles: ReadonlyMap<string, LaneHandle>, closed: readonly string[], minWorkers: number): Promise<string[]> {
  const of = (name: string): string => (handles.size === 1 ? '' : ` of lane ${name}`)
  const faults = await Promise.all(
    [...handles].map(async ([name, { view }]) => {
      const workers = closed.includes(name) ? undefined : await view.workers().catch(() => undefined)
      if (workers === undefined) return handles.size === 1 ? 'the lane does not answer' : `lane ${name} does not answer`
      if (minWorkers > 0 && !workers.some(({ state }) => state === 'ready')) return `no worker${of(name)} is ready yet`
      return undefined
    }),
  )
  return faults.filter((fault) => fault !== undefined)
}

async function listen(server: Server, host: string, port: number): Promise<string> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    throw new StartError(`Cannot listen on ${host}:${port}: ${whyNot(error as NodeJS.ErrnoException)}`)
  }
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${name === '0.0.0.0' ? '127.0.0.1' : name}:${address.port}`
}

function whyNot(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'another program has that port. End it, or set ISOLANE_PORT to another one (0 takes any that is free).'
    case 'EACCES':
      return 'this user may not open that port. Set ISOLANE_PORT to one above 1023.'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address. Set ISOLANE_HOST to one it has; 0.0.0.0 means all of them.'
    default:
      return error.message
  }
}
