import { type AbortSignal, callSignal } from './abort.ts'
import type { Call } from './call.ts'
import type { Env } from './env.ts'
import { inspect } from './inspect.ts'
import { log } from './log.ts'
import { dateNow, mathMax } from './primordials.ts'
import { isThenable, react } from './promise.ts'
import { hold, release } from './reply.ts'

/** The second (or third) argument of every handler: what Workers and Lambda both call the context. */
export interface Context {
  readonly env: Env
  readonly invocationId: string
  /** The same, under Lambda's name. */
  readonly awsRequestId: string
  readonly functionName: string
  readonly functionVersion: string
  /** Milliseconds since 1970. */
  readonly deadline: number
  /** Fires when the invocation is ended from outside. */
  readonly signal: AbortSignal
  getRemainingTimeInMillis(): number
  /** Keeps the invocation open beyond its reply, for up to 30 s, until the promise settles. */
  waitUntil(promise: unknown): void
}

export interface FunctionInfo {
  readonly name: string
  readonly version: string
  readonly env: Env
}

export function createContext(call: Call, info: FunctionInfo): Context {
  return {
    env: info.env,
    invocationId: call.id,
    awsRequestId: call.id,
    functionName: info.name,
    functionVersion: info.version,
    deadline: call.deadlineAt,
    get signal() {
      return callSignal(call)
    },
    getRemainingTimeInMillis: () => mathMax(0, call.deadlineAt - dateNow()),
    waitUntil: (promise) => {
      if (!isThenable(promise)) return
      hold(call)
      void react(
        promise,
        () => release(call),
        (reason) => {
          logRejection(reason)
          release(call)
        },
      )
    },
  }
}

const MAX_REASON_CHARS = 2_000

function logRejection(reason: unknown): void {
  log('error', `A promise given to waitUntil was rejected: ${inspect(reason, MAX_REASON_CHARS)}`)
}
