import { randomUUIDv7 } from 'node:crypto'
import { encodeFrame } from '../../runtime/contract/frame.ts'
import { type FunctionVersion, isHandlerStyle } from '../../runtime/contract/function-version.ts'
import type { Invocation } from '../../runtime/contract/invocation.ts'
import { INIT_WALL_MS } from '../../runtime/contract/limits.ts'
import type { LoadReport } from '../../runtime/contract/messages.ts'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import { DEFAULT_MAX_CONCURRENCY } from '../invocations/invoke.ts'
import type { RoutedSubmission } from '../invocations/lane-router.ts'
import { outcomeProblem, refusalProblem } from '../invocations/outcome-problem.ts'
import type { ProblemInit } from '../problem.ts'
import type { Tenants } from '../registry/tenant-directory.ts'
import type { LoadResult } from './deploy-function.ts'

/** A start-up that has to wait for a first worker still counts as a deploy in time. */
const MAX_WAIT_MS = 15_000

export interface LoadOnceDeps {
  readonly gatewayId: string
  submit(submission: RoutedSubmission): Promise<LaneReply>
  readonly tenants: Pick<Tenants, 'settings'>
}

/**
 * Loads a version once in a real sandbox before it is accepted: an invocation like any other, with trigger `deploy`,
 * its own usage record, and the module's load report for an answer.
 */
export function createLoadOnce({ gatewayId, submit, tenants }: LoadOnceDeps) {
  return async function loadOnce(version: FunctionVersion, secrets: number): Promise<LoadResult> {
    const { tenant, name, versionId, limits } = version
    const invocation: Invocation = {
      id: randomUUIDv7(),
      attempt: 1,
      tenant,
      name,
      version: version.version,
      versionId,
      trigger: 'deploy',
      door: 'rpc',
      gateway: gatewayId,
      depth: 0,
      ...(secrets > 0 && { secrets }),
    }
    const reply = await submit({
      invocation,
      limits,
      deadlineMs: MAX_WAIT_MS + INIT_WALL_MS,
      maxWaitMs: MAX_WAIT_MS,
      maxConcurrency: DEFAULT_MAX_CONCURRENCY,
      // Older than any revision a function has: the load must not change the settings the lane knows.
      revision: 0,
      tenantSettings: await tenants.settings(tenant),
      requestBytes: 0,
      frame: encodeFrame(invocation),
    })
    const target = { tenant, name, limits }
    if (reply.kind === 'refused') return { ok: false, problem: refusalProblem(reply, target) }
    if (reply.kind === 'verdict') {
      if (reply.outcome.kind === 'returned') throw new TypeError('Cannot accept a load: the lane says "returned" but carries no report')
      return { ok: false, problem: outcomeProblem(reply.outcome, target, true) }
    }
    const { outcome, usage } = reply.head
    if (outcome.kind !== 'returned') return { ok: false, problem: loadProblem(outcomeProblem(outcome, target, true), outcome.kind) }
    const { style, warning } = parseLoadReport(reply.body)
    const { coldStartMs } = JSON.parse(reply.text.toString('utf8')) as { coldStartMs: number }
    const report = { initMs: usage.initMs, cpuMs: usage.cpuMs, heapMb: usage.heapMb, coldStartMs: Math.round(coldStartMs * 100) / 100 }
    return { ok: true, style, ...(warning === undefined ? {} : { warning }), report }
  }
}

/** What the function is to blame for is a matter of the upload: 422, not the status of a call. */
function loadProblem(problem: ProblemInit, kind: 'threw' | 'exceeded' | string): ProblemInit {
  return kind === 'threw' || kind === 'exceeded' ? { ...problem, status: 422 } : problem
}

/** It comes out of the isolate: the style is checked, the warning bounded. */
function parseLoadReport(body: Buffer): Pick<LoadReport, 'style' | 'warning'> {
  const { style, warning } = JSON.parse(body.toString('utf8')) as Record<string, unknown>
  if (!isHandlerStyle(style)) throw new TypeError(`Cannot accept a load: its style is ${JSON.stringify(style)?.slice(0, 40)}`)
  return { style, ...(typeof warning === 'string' ? { warning: warning.slice(0, 1_000) } : {}) }
}
