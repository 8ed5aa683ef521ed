import { setTimeout as pause } from 'node:timers/promises'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import type { Submitter } from '../../runtime/lane/submitter.ts'
import { submission } from './stand-in-worker.ts'

export interface Call {
  readonly n: number
  readonly reply: LaneReply
  /** Milliseconds since 1970. */
  readonly answeredAt: number
  /** From its first submission. */
  readonly tookMs: number
}

const CALLERS = 40
/** A call refused for want of a connection was never accepted: it is made again after this. */
const AGAIN_MS = 20

/** Calls on and on until `over` resolves, and returns every call with what became of it. */
export async function callUntil(over: Promise<unknown>, submitters: readonly Submitter[], deadlineMs: number): Promise<Call[]> {
  const calls: Call[] = []
  let ended = false
  const end = over.finally(() => {
    ended = true
  })
  let next = 0
  const caller = async (): Promise<void> => {
    while (!ended) {
      const n = next++
      const startedAt = performance.now()
      let reply = await submit(n)
      while (reply.kind === 'refused' && reply.reason === 'unreachable') {
        await pause(AGAIN_MS)
        reply = await submit(n)
      }
      calls.push({ n, reply, answeredAt: Date.now(), tookMs: performance.now() - startedAt })
    }
  }
  const submit = (n: number): Promise<LaneReply> => (submitters[n % submitters.length] as Submitter).submit(submission(n, { deadlineMs }))
  await Promise.all([end, ...Array.from({ length: CALLERS }, caller)])
  return calls
}
