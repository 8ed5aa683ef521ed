import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openGateway } from '../../platform/gateway/gateway.ts'
import { ensureFirstKey } from '../../platform/registry/first-key.ts'
import { openStore } from '../../platform/registry/open-store.ts'
import { ensureSecretsKey } from '../../platform/registry/secrets-key-file.ts'
import { createMetrics } from '../../platform/telemetry/metrics.ts'
import { startRedis } from '../redis-server.ts'
import { type Script, ScriptedWorker } from './scripted-worker.ts'

const KEY = 'a-key-for-tests'

/** A gateway with everything behind it but a real worker. */
export interface GatewayAlone extends AsyncDisposable {
  readonly url: string
  readonly key: string
  readonly redisUrl: string
  readonly worker: ScriptedWorker
  /** Uploads a function of this style that does what the script says. */
  deploy(name: string, script: Script, style?: 'fetch' | 'event'): Promise<void>
}

export async function startGatewayAlone({ remoteWorkers = false } = {}): Promise<GatewayAlone> {
  await using stack = new AsyncDisposableStack()
  const redis = stack.use(await startRedis())
  const dataDir = stack.adopt(await mkdtemp(join(tmpdir(), 'isolane-test-')), (path) => rm(path, { recursive: true, force: true }))
  const store = stack.adopt(await openStore(redis.url), (it) => it.disconnect())
  await ensureFirstKey({ store, dataDir, adminKey: KEY })
  const worker = stack.use(new ScriptedWorker(redis.url))
  await worker.lane.join()
  const none = (): void => {}
  const gateway = stack.adopt(
    await openGateway({
      host: '127.0.0.1',
      port: 0,
      laneUrl: redis.url,
      store,
      dataDir,
      secretsKey: await ensureSecretsKey(dataDir),
      minWorkers: 0,
      remoteWorkers,
      metrics: createMetrics(undefined),
      log: { debug: none, info: none, warn: none, error: console.error },
    }),
    (it) => it.close(),
  )
  const opened = stack.move()
  return {
    url: gateway.url,
    key: KEY,
    redisUrl: redis.url,
    worker,
    async deploy(name, script, style = 'fetch') {
      worker.scripts.set(name, script)
      worker.styles.set(name, style)
      const headers = { authorization: `Bearer ${KEY}` }
      const answer = await fetch(`${gateway.url}/v1/functions/${name}?access=public`, { method: 'PUT', body: 'export default () => 1', headers })
      if (answer.status !== 201) throw new Error(`Cannot deploy ${name}: ${answer.status} ${await answer.text()}`)
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}
