import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import type { LaneAddress } from '../runtime/contract/lanes.ts'
import type { SecretsKey } from '../runtime/contract/secrets-key.ts'
import type { LaneView } from '../runtime/lane/lane-view.ts'
import { openDispatcher } from './async/open-dispatcher.ts'
import { Controller } from './autoscaler/controller.ts'
import { ExternalFleet } from './autoscaler/external-fleet.ts'
import { ProcessFleet } from './autoscaler/process-fleet.ts'
import { LedgerProcess } from './billing/ledger-process.ts'
import type { PlatformConfig } from './config.ts'
import { reachableHost } from './invocations/data-server.ts'
import { finishMoves } from './lanes/finish-moves.ts'
import { TenantMover } from './lanes/tenant-mover.ts'
import type { Store } from './registry/open-store.ts'
import { TenantRegistry } from './registry/tenant-registry.ts'
import type { Metrics } from './telemetry/metrics.ts'

export interface ControllerRoleOptions {
  readonly config: PlatformConfig
  readonly lanes: readonly LaneAddress[]
  readonly views: ReadonlyMap<string, LaneView>
  readonly store: Store
  readonly storeUrl: string
  readonly dataDir: string
  readonly secretsKey: SecretsKey
  /** For the processes it starts. */
  readonly env: NodeJS.ProcessEnv
  readonly metrics: Pick<Metrics, 'invoked'>
  readonly log: Logger
}

/** An estimate until the first worker has said what it offers. */
const WORKER_MB = 4_096

/** What a deployment needs beside gateways and workers: the ledger, scaling, moves of tenants, and what runs without a caller. Until it is disposed of. */
export async function openControllerRole(options: ControllerRoleOptions): Promise<AsyncDisposable> {
  const { config, lanes, views, store, storeUrl, dataDir, secretsKey, env, metrics, log } = options
  await using releases = new AsyncDisposableStack()
  const owner = `c-${randomBytes(6).toString('hex')}`
  releases.adopt(new LedgerProcess({ env: withoutKeys(env), log }), (it) => it.stop())

  const controllers = lanes.map((lane) => startController(lane, owner, options))
  releases.defer(async () => void (await Promise.all(controllers.map((it) => it.stop()))))

  const tenants = new TenantRegistry({ store })
  void warnOfTenantsWithoutLane(tenants, lanes, log)
  const mover = new TenantMover({ tenants, lanes: views, onError: (error) => log.debug({ err: error }, 'Lane connection') })
  const stopMoving = new AbortController()
  const moving = finishMoves({ store, mover, owner, log }, stopMoving.signal)
  releases.defer(async () => {
    stopMoving.abort()
    await moving
  })

  releases.use(
    await openDispatcher({
      ...{ lanes, store, storeUrl, dataDir, secretsKey, log },
      dataHost: config.roles.has('worker') ? undefined : reachableHost(config.host),
      egressAllow: config.egressAllow,
      answered: metrics.invoked,
    }),
  )
  const opened = releases.move()
  return { [Symbol.asyncDispose]: () => opened.disposeAsync() }
}

/** Each lane has its own, with workers of its own: they share nothing but this process. */
function startController(lane: LaneAddress, owner: string, { config, lanes, env, log: allLog }: ControllerRoleOptions): Controller {
  const { minWorkers, maxWorkers } = config
  const log = lanes.length === 1 ? allLog : allLog.child({ lane: lane.name })
  const command = { module: new URL('../runtime/main.ts', import.meta.url), env: workerEnvironment(env, lane.name) }
  const fleet = config.roles.has('worker') ? new ProcessFleet({ command, log }) : new ExternalFleet({ log })
  return new Controller({ lane, fleet, minWorkers, maxWorkers, workerMb: WORKER_MB, owner, log })
}

/** ISOLANE_LANES may have lost a name since the last start. */
async function warnOfTenantsWithoutLane(tenants: TenantRegistry, lanes: readonly LaneAddress[], log: Logger): Promise<void> {
  const lost = (await tenants.list().catch(() => [])).filter((tenant) => !lanes.some(({ name }) => name === tenant.lane))
  const first = lost.slice(0, 20).map(({ name, lane }) => `${name} (${lane})`)
  if (lost.length > 0) log.warn({ tenants: lost.length, first }, 'Tenants are in lanes that ISOLANE_LANES does not name: nobody can call them')
}

/** A worker needs its lane, the store, the data and the key to the secrets; what opens the platform to callers is none of its business. */
function workerEnvironment({ ISOLANE_ADMIN_KEY: _, ...env }: NodeJS.ProcessEnv, lane: string): NodeJS.ProcessEnv {
  return { ...env, ISOLANE_LANE: lane }
}

/** What neither opens the platform nor its secrets is enough for a process that only counts. */
function withoutKeys({ ISOLANE_ADMIN_KEY: _, ISOLANE_SECRETS_KEY: __, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env
}
