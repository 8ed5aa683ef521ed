import { setTimeout as pause } from 'node:timers/promises'
import { cpuBudgetMs } from '../../runtime/contract/limits.ts'
import { type Platform, startPlatform } from '../platform.ts'
import { type Attack, CUT_OFF, SMALL } from './attacks/attack.ts'
import { CellWatch } from './cell-watch.ts'
import { percentile, Traffic } from './traffic.ts'

/** What was seen of one attack. */
export interface Finding {
  /** `returned …`, `threw Name`, `exceeded limit`, `refused code`, or the problem's code. */
  readonly outcome: string
  /** More than 1: the platform said `lost`, which is its word for an overloaded machine, and the caller tried again. */
  readonly attempts: number
  /** From sending the judged call (or the upload) to its whole answer. */
  readonly containedMs: number
  /** `cell`: a cell process ended. */
  readonly radius: 'sandbox' | 'cell'
  /** Anonymous memory of the largest cell, and by how much the one that grew most did so. */
  readonly peakMb: number
  readonly grewMb: number
  /** What the attacker's other function was answered meanwhile, each kind once. */
  readonly sibling: readonly string[]
  /** The same of the other tenant's function. */
  readonly innocent: readonly string[]
  readonly innocentSlowestMs: number
  /** Cells that only the watch of the tests itself could end. */
  readonly rescued: number
  /** Processes that wanted each core, on average; at least 1. */
  readonly crowding: number
}

export const QUIET_MS = 2_000
const INNOCENT_EVERY_MS = 50
const SIBLING_EVERY_MS = 100
const PATIENCE_MS = 30_000

const INNOCENT = 'export default (event) => ({ n: event.n })'
/** Most of its time it waits, so that one of its calls is nearly always in whatever cell ends. */
const SIBLING = 'export default (event) => new Promise((wake) => setTimeout(() => wake("slept"), 60))'

/** A platform with one worker, on which another tenant's function and a sibling of the attacker's live under steady traffic. */
export class Arena implements AsyncDisposable {
  readonly platform: Platform
  readonly innocent: Traffic
  readonly #sibling: Traffic
  readonly #watch: CellWatch
  readonly #attacker: string
  readonly #workerPid: number
  #attacks = 0
  /** p50 and p99 of the innocent while nothing else went on. */
  quiet = { p50: 0, p99: 0 }

  static async open(): Promise<Arena> {
    const platform = await startPlatform({ env: { ISOLANE_MAX_WORKERS: '1' } })
    const innocent = await tenantKey(platform, 'innocent')
    const attacker = await tenantKey(platform, 'attacker')
    await upload(platform, innocent, 'innocent', INNOCENT, '')
    await upload(platform, attacker, 'sibling', SIBLING, 'memoryMb=64&concurrency=16')
    const [worker] = await platform.workers()
    const arena = new Arena(platform, innocent, attacker, worker?.pid as number)
    await pause(QUIET_MS)
    const quietMs = arena.innocent.samples.slice(5).map(({ ms }) => ms)
    arena.quiet = { p50: percentile(quietMs, 0.5), p99: percentile(quietMs, 0.99) }
    return arena
  }

  private constructor(platform: Platform, innocentKey: string, attacker: string, workerPid: number) {
    this.platform = platform
    this.#attacker = attacker
    this.#workerPid = workerPid
    this.#watch = new CellWatch(workerPid)
    let n = 0
    this.innocent = new Traffic(INNOCENT_EVERY_MS, () => invoke(platform, innocentKey, 'innocent', { n: n++ }))
    this.#sibling = new Traffic(SIBLING_EVERY_MS, () => invoke(platform, attacker, 'sibling', null))
  }

  /** Whether the worker is the one it was at the beginning, and ready. */
  async workerIsTheSame(): Promise<boolean> {
    const workers = await this.platform.workers()
    return workers.length === 1 && workers[0]?.pid === this.#workerPid && workers[0].state === 'ready'
  }

  async run(attack: Attack): Promise<Finding> {
    const name = `attack-${++this.#attacks}`
    const rescuedBefore = this.#watch.rescued.length
    this.#watch.begin()
    const startedAt = performance.now()
    const calls = attack.calls ?? [null]
    const uploaded = await this.#patiently(() => this.#upload(attack, name))
    let judged = uploaded
    if (uploaded.outcome === 'accepted') for (const event of calls) judged = await this.#patiently(() => this.#call(name, event))
    const endedAt = performance.now()
    await Promise.all([this.innocent.settled(), this.#sibling.settled()])
    const gone = this.#watch.gone()
    const innocent = this.innocent.since(startedAt)
    const finding: Finding = {
      ...judged,
      radius: gone.length > 0 ? 'cell' : 'sandbox',
      peakMb: this.#watch.peakMb,
      grewMb: this.#watch.grewMb,
      sibling: kinds(this.#sibling.since(startedAt)),
      innocent: kinds(innocent),
      innocentSlowestMs: Math.max(0, ...innocent.filter((sample) => sample.startedAt <= endedAt).map(({ ms }) => ms)),
      rescued: this.#watch.rescued.length - rescuedBefore,
      crowding: this.#watch.crowding,
    }
    await this.#fetch(`/v1/functions/${name}`, { method: 'DELETE' }).then((response) => response.text())
    return finding
  }

  async #patiently(attempt: () => Promise<string>): Promise<Pick<Finding, 'outcome' | 'attempts' | 'containedMs'>> {
    const until = performance.now() + PATIENCE_MS
    for (let attempts = 1; ; attempts++) {
      const startedAt = performance.now()
      const outcome = await attempt()
      const containedMs = performance.now() - startedAt
      if (!/(^|\s)lost$/.test(outcome) || performance.now() > until) return { outcome, attempts, containedMs }
    }
  }

  async #upload({ source, settings = SMALL }: Attack, name: string): Promise<string> {
    const body = source.replaceAll('$NOW', String(Date.now()))
    const response = await this.#fetch(`/v1/functions/${name}?${settings}`, { method: 'PUT', body })
    const text = await response.text()
    return response.status === 201 ? 'accepted' : `refused ${codeOf(text)}`
  }

  async #call(name: string, event: unknown): Promise<string> {
    const response = await invoke(this.platform, this.#attacker, name, event)
    const text = await response.text().catch(() => undefined)
    if (text === undefined) return CUT_OFF
    const outcome = response.headers.get('isolane-outcome')
    // A reply that goes out before its invocation is over cannot say how that will end.
    if (outcome === 'returned' || (outcome === null && response.ok)) return `returned ${text.slice(0, 500)}`
    if (outcome === 'threw') return `threw ${(JSON.parse(text) as { error: { name: string } }).error.name}`
    if (outcome === 'exceeded') return `exceeded ${(JSON.parse(text) as { limit: string }).limit}`
    return codeOf(text)
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(this.platform.url + path, { ...init, headers: { authorization: `Bearer ${this.#attacker}` } })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.innocent[Symbol.asyncDispose]()
    await this.#sibling[Symbol.asyncDispose]()
    this.#watch[Symbol.dispose]()
    await this.platform.stop()
  }
}

/** CPU that the attack's invocation may burn, in ms. */
export function budgetOf({ settings = SMALL }: Attack): { cpuMs: number; wallMs: number; memoryMb: number } {
  const query = new URLSearchParams(settings)
  const limits = { memoryMb: Number(query.get('memoryMb')), timeoutMs: Number(query.get('timeoutMs')), concurrency: 1 }
  return { cpuMs: cpuBudgetMs(limits), wallMs: limits.timeoutMs, memoryMb: limits.memoryMb }
}

function kinds(samples: readonly { readonly ending: string }[]): string[] {
  return [...new Set(samples.map(({ ending }) => ending))]
}

function codeOf(text: string): string {
  return /"code":"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 100)
}

function invoke(platform: Platform, key: string, name: string, event: unknown): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(event), headers: { authorization: `Bearer ${key}` } }
  return fetch(`${platform.url}/v1/functions/${name}/invocations`, init)
}

async function tenantKey(platform: Platform, name: string): Promise<string> {
  await platform.json('/v1/tenants', { method: 'POST', body: JSON.stringify({ name }) })
  const scopes = ['deploy', 'invoke', 'read']
  return (await platform.json<{ key: string }>('/v1/keys', { method: 'POST', body: JSON.stringify({ tenant: name, scopes }) })).key
}

async function upload(platform: Platform, key: string, name: string, source: string, query: string): Promise<void> {
  const init = { method: 'PUT', body: source, headers: { authorization: `Bearer ${key}` } }
  const response = await fetch(`${platform.url}/v1/functions/${name}?${query}`, init)
  if (response.status !== 201) throw new Error(`Cannot upload ${name}: ${response.status} ${await response.text()}`)
}
