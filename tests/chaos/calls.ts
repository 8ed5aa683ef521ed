import { setTimeout as pause } from 'node:timers/promises'
import type { Deployment } from './deployment.ts'
import type { Part } from './part.ts'
import { pick } from './random.ts'

/**
 * How a call ended for its caller: `answered`: all of the answer came; `torn`: its connection broke; `no gateway`: there was
 * nobody to connect to; `hung`: nothing came for longer than any deadline.
 */
export type Ending = 'answered' | 'torn' | 'no gateway' | 'hung'

export interface CallRecord {
  readonly kind: string
  readonly startedAt: number
  endedAt: number
  ending: Ending
  status: number | undefined
  /** The problem's code, when the answer was one. */
  code: string | undefined
  /** What the problem says. */
  detail: string | undefined
  id: string | undefined
  outcome: string | undefined
}

interface Shape {
  readonly kind: string
  /** How often, among the others. */
  readonly weight: number
  readonly path: string
  readonly init: () => RequestInit
}

const rpc = (name: string): string => `/v1/functions/${name}/invocations`
const post = (event: unknown) => (): RequestInit => ({ method: 'POST', body: JSON.stringify(event) })
const BIG = Buffer.alloc(100 * 1024, 'x')

const SHAPES: readonly Shape[] = [
  { kind: 'rpc', weight: 4, path: rpc('writes'), init: post({ n: 1 }) },
  { kind: 'rpc, idempotent', weight: 4, path: rpc('repeatable'), init: post({ n: 1 }) },
  { kind: 'GET', weight: 4, path: '/fn/default/reads/some/path', init: () => ({}) },
  { kind: 'POST', weight: 3, path: '/fn/default/reads', init: post('body') },
  { kind: 'sleeps', weight: 3, path: rpc('naps'), init: post({ ms: 800 }) },
  { kind: 'computes', weight: 3, path: rpc('burns'), init: post(null) },
  { kind: 'nested', weight: 2, path: rpc('nests'), init: post({ n: 1 }) },
  { kind: '100 KiB', weight: 2, path: '/fn/default/echo', init: () => ({ method: 'POST', body: BIG }) },
  { kind: 'stream', weight: 2, path: '/fn/default/streams', init: () => ({}) },
]
const ASYNC: Shape = {
  kind: 'async',
  weight: 3,
  path: rpc('later'),
  init: () => ({ method: 'POST', body: '{"n":1}', headers: { prefer: 'respond-async' } }),
}

/** Longer than the longest wait, the longest run and every grace together. */
const HUNG_MS = 60_000

export interface LoadOptions {
  readonly deployment: Deployment
  readonly perSecond: number
  readonly random: () => number
  readonly withAsync: boolean
  readonly until: AbortSignal
}

/** Open-loop: calls begin when their time has come, whatever became of those before. Resolves when the last is over. */
export async function makeCalls({ deployment, perSecond, random, withAsync, until }: LoadOptions): Promise<CallRecord[]> {
  const deck = [...SHAPES, ...(withAsync ? [ASYNC] : [])].flatMap((shape) => Array.from({ length: shape.weight }, () => shape))
  const calls: CallRecord[] = []
  const underWay: Promise<void>[] = []
  let dueAt = performance.now()
  while (!until.aborted) {
    dueAt += (-Math.log(1 - random()) / perSecond) * 1_000
    await pause(Math.max(0, dueAt - performance.now()))
    const { kind, path, init } = pick(deck, random)
    const call: CallRecord = {
      kind,
      startedAt: Date.now(),
      endedAt: 0,
      ending: 'hung',
      status: undefined,
      code: undefined,
      detail: undefined,
      id: undefined,
      outcome: undefined,
    }
    calls.push(call)
    underWay.push(make(call, deployment, pick(deployment.gateways, random), path, init()))
  }
  await Promise.all(underWay)
  return calls
}

async function make(call: CallRecord, deployment: Deployment, gateway: Part, path: string, init: RequestInit): Promise<void> {
  try {
    const answer = await deployment.fetch(gateway, path, { ...init, signal: AbortSignal.timeout(HUNG_MS) })
    call.status = answer.status
    call.id = answer.headers.get('isolane-invocation-id') ?? undefined
    call.outcome = answer.headers.get('isolane-outcome') ?? undefined
    const text = await answer.text()
    if (answer.headers.get('content-type')?.includes('problem+json')) Object.assign(call, problemOf(text))
    if (answer.status === 202) call.id ??= (JSON.parse(text) as { id: string }).id
    call.ending = 'answered'
  } catch (error) {
    call.ending = endingOf(error as Error)
  } finally {
    call.endedAt = Date.now()
  }
}

function problemOf(text: string): Pick<CallRecord, 'code' | 'detail'> {
  const { code, detail } = JSON.parse(text) as { code: string; detail: string }
  return { code, detail }
}

function endingOf(error: Error): Ending {
  if (error.name === 'TimeoutError') return 'hung'
  const code = (error.cause as { code?: string } | undefined)?.code
  return code === 'ECONNREFUSED' || /is not there$/.test(error.message) ? 'no gateway' : 'torn'
}

/** An answer with an id and no outcome refused the call before the lane had it: no record is owed. A stream's outcome comes last. */
export function isAccepted({ id, status, outcome }: CallRecord): boolean {
  return id !== undefined && (outcome !== undefined || (status !== undefined && status < 400))
}
