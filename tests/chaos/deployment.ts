import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LaneView } from '../../runtime/lane/lane-view.ts'
import { DurableRedis } from '../durable-redis.ts'
import { CuttingProxy } from '../lane/cutting-proxy.ts'
import { commandOf, familyOf } from '../processes.ts'
import type { ChaosFunction } from './functions.ts'
import { Part } from './part.ts'

const KEY = 'a-key-for-the-chaos-suite'
const WORKERS = 2

/** The platform in parts that can die one by one: two Redis, two gateways, a controller with its ledger and its workers. */
export class Deployment implements AsyncDisposable {
  readonly folder: string
  readonly lane: DurableRedis
  readonly store: DurableRedis
  /** Between the lane's Redis and everybody. */
  readonly proxy: CuttingProxy
  readonly gateways: readonly Part[]
  readonly controller: Part
  /** Looks at the lane without the proxy. */
  readonly view: LaneView
  readonly #cleanup: AsyncDisposableStack

  private constructor(
    fields: Pick<Deployment, 'folder' | 'lane' | 'store' | 'proxy' | 'gateways' | 'controller' | 'view'>,
    cleanup: AsyncDisposableStack,
  ) {
    this.folder = fields.folder
    this.lane = fields.lane
    this.store = fields.store
    this.proxy = fields.proxy
    this.gateways = fields.gateways
    this.controller = fields.controller
    this.view = fields.view
    this.#cleanup = cleanup
  }

  /** @param egressAllow what functions may reach on this machine */
  static async start(egressAllow: string): Promise<Deployment> {
    await using cleanup = new AsyncDisposableStack()
    const folder = cleanup.adopt(await mkdtemp(join(tmpdir(), 'isolane-chaos-')), (path) => rm(path, { recursive: true, force: true }))
    const lane = cleanup.use(await DurableRedis.start('lane', folder))
    const store = cleanup.use(await DurableRedis.start('store', folder))
    const proxy = cleanup.use(await CuttingProxy.start({ target: lane.url }))
    const view = cleanup.adopt(await new LaneView({ url: lane.url, onError: () => {} }).open(), (it) => it.close())
    const part = (name: string, roles: string): Part => {
      const env = {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ISOLANE_ROLES: roles,
        ISOLANE_ADMIN_KEY: KEY,
        ISOLANE_DATA_DIR: join(folder, 'data'),
        ISOLANE_EGRESS_ALLOW: egressAllow,
        ISOLANE_LOG_LEVEL: 'warn',
        ISOLANE_MIN_WORKERS: String(WORKERS),
        ISOLANE_MAX_WORKERS: String(WORKERS),
        ISOLANE_METRICS_PORT: '0',
        ISOLANE_PORT: '0',
        ISOLANE_STORE_URL: store.url,
        REDIS_URL: proxy.url,
      }
      return cleanup.adopt(new Part(name, env), async (it) => void (await it.stop()))
    }
    // Whose parts stop first: the gateways, so that the controller's workers can answer what they have accepted.
    const controller = part('controller', 'controller,worker')
    await controller.ready
    const gateways = [part('gateway 1', 'gateway'), part('gateway 2', 'gateway')]
    await Promise.all(gateways.map(({ ready }) => ready))
    return new Deployment({ folder, lane, store, proxy, gateways, controller, view }, cleanup.move())
  }

  get ledgers(): number[] {
    return this.#inFamily('ledger-main.ts')
  }

  get workers(): number[] {
    return this.#inFamily('runtime/main.ts')
  }

  get cells(): number[] {
    return this.#inFamily('/cell.js')
  }

  /** With the admin key, through one of the gateways. */
  async fetch(gateway: Part, path: string, init: RequestInit = {}): Promise<Response> {
    if (gateway.url === undefined) throw new TypeError(`${gateway.name} is not there`)
    return await fetch(gateway.url + path, { ...init, headers: { authorization: `Bearer ${KEY}`, ...(init.headers as Record<string, string>) } })
  }

  async deploy({ name, source, settings = '' }: ChaosFunction, witnessUrl: string): Promise<void> {
    const path = `/v1/functions/${name}?env.WITNESS=${encodeURIComponent(witnessUrl)}&${settings}`
    const answer = await this.fetch(this.gateways[0] as Part, path, { method: 'PUT', body: source })
    if (answer.status !== 201) throw new Error(`Cannot deploy ${name}: ${answer.status} ${await answer.text()}`)
    await answer.body?.cancel()
  }

  #inFamily(module: string): number[] {
    return familyOf(this.controller.pid).filter((pid) => commandOf(pid).includes(module))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync()
  }
}
