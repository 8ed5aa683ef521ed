import { expect, test } from 'vitest'
import { refusalProblem } from '../../../platform/invocations/outcome-problem.ts'
import { problemResponse } from '../../../platform/problem.ts'
import type { Refusal } from '../../../runtime/lane/lane-reply.ts'

const SHOP = { tenant: 'acme', name: 'shop', limits: { memoryMb: 128, timeoutMs: 5_000, concurrency: 1 } }

async function told(refusal: Omit<Refusal, 'kind'>) {
  const answer = problemResponse(refusalProblem({ kind: 'refused', ...refusal }, SHOP))
  const document = (await answer.json()) as { status: number; code: string; detail: string }
  return { retryAfter: answer.headers.get('retry-after'), ...document }
}

test.each([
  [{ reason: 'full', scope: 'lane', retryAfterMs: 2_300 }, 503, 'overloaded', '3'],
  [{ reason: 'full' }, 503, 'overloaded', '1'],
  [{ reason: 'full', scope: 'function', retryAfterMs: 41_000 }, 429, 'queue_full', '41'],
  [{ reason: 'late', retryAfterMs: 12 }, 503, 'deadline_cannot_be_met', '1'],
  [{ reason: 'unreachable' }, 503, 'lane_unreachable', '1'],
  [{ reason: 'moved' }, 503, 'tenant_moved', '1'],
  [{ reason: 'off' }, 429, 'function_off', null],
  [{ reason: 'key_reused' }, 422, 'idempotency_key_reused', null],
  [{ reason: 'answer_not_kept' }, 409, 'answer_not_kept', null],
] as const)('the refusal %j is %i %s, to be tried again after %s s', async (refusal, status, code, retryAfter) => {
  expect(await told(refusal)).toMatchObject({
    status,
    code,
    retryAfter,
    detail: expect.stringMatching(/^Cannot .* acme\/shop|^Cannot reach the queue/),
  })
})

test('who would be late hears how long it would have been', async () => {
  const late = await told({ reason: 'late', retryAfterMs: 1_699.2 })
  expect(late).toMatchObject({ predictedWaitMs: 1_700, detail: expect.stringContaining('some 1700 ms') })
})

test('whose answer was not kept hears which call it was', async () => {
  expect(await told({ reason: 'answer_not_kept', id: 'abc' })).toMatchObject({ invocation: 'abc' })
})
