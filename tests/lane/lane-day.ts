import { setTimeout as pause } from 'node:timers/promises'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import { LaneView } from '../../runtime/lane/lane-view.ts'
import { isConnectionError } from '../../runtime/lane/stream-reader.ts'
import { Submitter } from '../../runtime/lane/submitter.ts'
import { StandInWorker, submission } from './stand-in-worker.ts'

export interface Day {
  readonly replies: readonly LaneReply[]
  readonly workers: readonly StandInWorker[]
}

export const CALLS = 24
export const CAPACITY_MB = 100_000
/** Cancelled when it may have begun. */
export const isCancelled = (n: number): boolean => n % 6 === 5
/** Far below the calls' deadline: what comes later than this hung. */
const SOON_MS = 6_000

export interface DayOptions {
  /** Of the lane, for everybody. */
  readonly url: string
  /** Happens in the midst of it. Default: nothing. */
  readonly event?: () => Promise<unknown>
  /** How long the longest call runs. Default 50 ms. */
  readonly longestMs?: number
  /** Whether one gives a claim back. Default true. */
  readonly nacks?: boolean
  /** Told of everybody who must be gone before its Redis is. */
  readonly cleanup: AsyncDisposableStack
}

/**
 * Everything a lane sees in a day, in a second: two workers join, one of them drains, comes back, gives a claim back and leaves,
 * a gateway calls and changes its mind, a controller reaps and configures. At its end `w1` alone is there, and has nothing to do.
 */
export async function liveADay({ url, event = async () => {}, longestMs = 50, nacks = true, cleanup }: DayOptions): Promise<Day> {
  const onError = (): void => {}
  const view = await new LaneView({ url, onError }).open()
  cleanup.defer(() => view.close())
  const night = new AbortController()
  const reaping = (async () => {
    for (; !night.signal.aborted; await pause(100)) await insist(() => view.reap())
  })()
  cleanup.defer(async () => {
    night.abort()
    await reaping
  })
  const submitter = new Submitter({ url, gatewayId: 'g1', onError })
  cleanup.defer(() => submitter.close())
  await insist(() => submitter.open())
  const holdMs = (): number => 10 + Math.floor(Math.random() * (longestMs - 10))
  let refusals = 0
  const stays = new StandInWorker(url, 'w1', { capacityMb: CAPACITY_MB, holdMs })
  const goes = new StandInWorker(url, 'w2', { capacityMb: CAPACITY_MB, holdMs, refuses: () => nacks && ++refusals === 2 })
  await insist(() => stays.lane.join())
  cleanup.defer(() => stays.lane.leave())
  await insist(() => goes.lane.join())

  const answers = Array.from({ length: CALLS }, async (_, n) => {
    // Over a while, so that verbs meet each other.
    await pause(n * 5)
    const answer = callUntilTaken(submitter, n)
    const { id } = submission(n).invocation
    if (isCancelled(n)) setTimeout(() => submitter.cancel(id, 1), 5)
    const reply = await answer
    if (n === 0) void submitter.forget('acme/hello', id, 1)
    return reply
  })
  await insist(() => view.configure('acme/other', 1, 1))
  await pause(50)
  await event()
  await insist(() => view.drain('w2'))
  await insist(() => view.undrain('w2'))
  const replies = await within(SOON_MS, Promise.all(answers))
  await insist(() => goes.lane.drain())
  await goes.lane.flushed()
  await goes.lane.leave()
  return { replies, workers: [stays, goes] }
}

/** What a process does whose verb broke: it says it again. */
async function insist<T>(say: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await say()
    } catch (error) {
      if (!isConnectionError(error)) throw error
      await pause(10)
    }
  }
}

/** A call refused for want of a connection was never accepted: its caller makes it again. */
async function callUntilTaken(submitter: Submitter, n: number): Promise<LaneReply> {
  for (;;) {
    const reply = await submitter.submit(submission(n))
    if (reply.kind !== 'refused' || reply.reason !== 'unreachable') return reply
    await pause(5)
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`not everything was answered within ${ms} ms`)), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
