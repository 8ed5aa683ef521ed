import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDispatcher } from '../../platform/async/open-dispatcher.ts'
import { TENANT_HEADER } from '../../platform/gateway/acting-tenant.ts'
import { type Gateway, openGateway } from '../../platform/gateway/gateway.ts'
import { ensureFirstKey } from '../../platform/registry/first-key.ts'
import { openStore, type Store } from '../../platform/registry/open-store.ts'
import { ensureSecretsKey } from '../../platform/registry/secrets-key-file.ts'
import { DEFAULT_TENANT } from '../../platform/registry/tenant.ts'
import { createMetrics } from '../../platform/telemetry/metrics.ts'
import { parseEgressAllow } from '../../runtime/contract/egress-allow.ts'
import { type LaneAddress, MAIN_LANE } from '../../runtime/contract/lanes.ts'
import { startRedis } from '../redis-server.ts'
import { type Script, ScriptedWorker } from './scripted-worker.ts'

const KEY = 'a-key-for-tests'

/** A gateway with everything behind it but a real worker. */
export interface GatewayAlone extends AsyncDisposable {
  readonly url: string
  readonly key: string
  readonly redisUrl: string
  /** Of the lane `main`. */
  readonly worker: ScriptedWorker
  /** By lane. */
  readonly workers: ReadonlyMap<string, ScriptedWorker>
  readonly lanes: readonly LaneAddress[]
  readonly store: Store
  /** Another gateway beside this one. Closed with it, or before. */
  openAnother(): Promise<Gateway>
  /** One that dispatches asynchronous invocations; there is none unless a test wants it. */
  dispatch(egressAllow?: string): Promise<AsyncDisposable>
  /** Uploads a function of this style that does what the script says. */
  deploy(name: string, script: Script, style?: 'fetch' | 'event' | 'lambda', tenant?: string): Promise<void>
}

export interface GatewayAloneOptions {
  /** A Redis for the store; default: the lane's. */
  readonly storeUrl?: string
  readonly remoteWorkers?: boolean
  /** Lanes beside `main`, each with a worker; without a url in the same Redis. */
  readonly moreLanes?: readonly { readonly name: string; readonly url?: string }[]
}

export async function startGatewayAlone({ remoteWorkers = false, moreLanes = [], storeUrl }: GatewayAloneOptions = {}): Promise<GatewayAlone> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const dataDir = stack.adopt(await mkdtemp(join(tmpdir(), 'isolane-test-')), (path) => rm(path, { recursive: true, force: true }))
  const store = stack.adopt(await openStore(storeUrl ?? redis.url), (it) => it.disconnect())
  await ensureFirstKey({ store, dataDir, adminKey: KEY })
  const lanes = [{ name: MAIN_LANE, url: redis.url }, ...moreLanes.map(({ name, url = redis.url }) => ({ name, url }))]
  const workers = new Map(lanes.map(({ name, url }) => [name, stack.use(new ScriptedWorker(url, name))]))
  for (const { lane } of workers.values()) await lane.join()
  const none = (): void => {}
  const secretsKey = await ensureSecretsKey(dataDir)
  const log = { debug: none, info: none, warn: none, error: console.error }
  const open = (): Promise<Gateway> =>
    openGateway({
      host: '127.0.0.1',
      port: 0,
      lanes,
      store,
      dataDir,
      secretsKey,
      minWorkers: 0,
      remoteWorkers,
      metrics: createMetrics(new Map()),
      log,
    })
  const gateway = stack.adopt(await open(), (it) => it.close())
  const opened = stack.move()
  return {
    url: gateway.url,
    key: KEY,
    redisUrl: redis.url,
    worker: workers.get(MAIN_LANE) as ScriptedWorker,
    workers,
    lanes,
    store,
    openAnother: async () => opened.adopt(await open(), (it) => it.close()),
    async dispatch(egressAllow = '') {
      const allowed = parseEgressAllow(egressAllow)
      if ('problem' in allowed) throw new RangeError(allowed.problem)
      return await openDispatcher({
        ...{ lanes, store, storeUrl: storeUrl ?? redis.url, dataDir, dataHost: undefined, secretsKey, egressAllow: allowed },
        answered: none,
        log,
      })
    },
    async deploy(name, script, style = 'fetch', tenant = DEFAULT_TENANT) {
      for (const worker of workers.values()) {
        worker.scripts.set(name, script)
        worker.styles.set(name, style)
      }
      const headers = { authorization: `Bearer ${KEY}`, [TENANT_HEADER]: tenant }
      const answer = await fetch(`${gateway.url}/v1/functions/${name}?access=public`, { method: 'PUT', body: 'export default () => 1', headers })
      if (answer.status !== 201) throw new Error(`Cannot deploy ${name}: ${answer.status} ${await answer.text()}`)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
