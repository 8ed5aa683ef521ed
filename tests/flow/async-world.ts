import { expect, vi } from 'vitest'
import { type GatewayAlone, type GatewayAloneOptions, startGatewayAlone } from './gateway-alone.ts'
import type { ScriptedRun } from './scripted-worker.ts'

export interface EventView {
  readonly id: string
  readonly status: string
  readonly attempts: { readonly attempt: number; readonly outcome: string; readonly error?: { code: string }; readonly usage: object | null }[]
  readonly [more: string]: unknown
}

export type Way = (run: ScriptedRun) => void | Promise<void>

export const returns =
  (value: unknown): Way =>
  (run) =>
    run.settle({ kind: 'returned' }, { kind: 'json' }, JSON.stringify(value))

export const answers =
  (status: number, headers: [string, string][] = [], body: Buffer | string = ''): Way =>
  (run) =>
    run.settle({ kind: 'returned' }, { kind: 'http', status, headers }, body)

export const throws: Way = (run) => run.settle({ kind: 'threw', error: { name: 'Error', message: 'no', stack: 'Error: no\n    at f' }, phase: 'run' })

export interface AsyncWorldOptions extends Pick<GatewayAloneOptions, 'storeUrl'> {
  readonly egressAllow?: string
  /** `false`: a test does that itself. */
  readonly dispatch?: boolean
}

/** A gateway with a dispatcher and a scripted worker, and the words in which its asynchronous calls are spoken. */
export class AsyncWorld implements AsyncDisposable {
  readonly gateway: GatewayAlone
  readonly #stack: AsyncDisposableStack
  #made = 0

  private constructor(gateway: GatewayAlone, stack: AsyncDisposableStack) {
    this.gateway = gateway
    this.#stack = stack
  }

  static async open({ egressAllow = '', dispatch = true, ...more }: AsyncWorldOptions = {}): Promise<AsyncWorld> {
    await using stack = new AsyncDisposableStack()
    const gateway = stack.use(await startGatewayAlone(more))
    if (dispatch) stack.use(await gateway.dispatch(egressAllow))
    return new AsyncWorld(gateway, stack.move())
  }

  async call(path: string, init: RequestInit = {}): Promise<Response> {
    const { url, key } = this.gateway
    return await fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...(init.headers as object) } })
  }

  async json<T = Record<string, unknown>>(path: string, init?: RequestInit): Promise<T> {
    return (await (await this.call(path, init)).json()) as T
  }

  /** A function whose attempts end one after the other like this; the last way is that of all that follow. */
  async functionThat(
    ways: readonly Way[],
    { style = 'event' as 'event' | 'fetch' | 'lambda', settings = {} } = {},
  ): Promise<{ name: string; runs: ScriptedRun[] }> {
    const name = `f-${++this.#made}`
    const runs: ScriptedRun[] = []
    const script = async (run: ScriptedRun): Promise<void> => {
      runs.push(run)
      await ways[Math.min(runs.length, ways.length) - 1]?.(run)
    }
    await this.gateway.deploy(name, script, style)
    if (Object.keys(settings).length > 0) await this.set(name, settings)
    return { name, runs }
  }

  async set(name: string, settings: object): Promise<void> {
    const answer = await this.call(`/v1/functions/${name}`, { method: 'PATCH', body: JSON.stringify(settings) })
    expect(answer.status, await answer.text()).toBe(200)
  }

  async post(name: string, event: unknown, headers: Record<string, string> = {}): Promise<Response> {
    const init = { method: 'POST', body: JSON.stringify(event), headers: { prefer: 'respond-async', ...headers } }
    return await this.call(`/v1/functions/${name}/invocations`, init)
  }

  /** Its id, once it is accepted. */
  async send(name: string, event: unknown = null, headers: Record<string, string> = {}): Promise<string> {
    const answer = await this.post(name, event, headers)
    const text = await answer.text()
    expect(answer.status, text).toBe(202)
    return (JSON.parse(text) as { id: string }).id
  }

  async until(id: string, status: string, timeout = 10_000): Promise<EventView> {
    return await vi.waitFor(
      async () => {
        const view = await this.json<EventView>(`/v1/invocations/${id}`)
        expect(view.status, JSON.stringify(view)).toBe(status)
        return view
      },
      { timeout, interval: 20 },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
    expect(this.gateway.worker.errors).toEqual([])
  }
}
