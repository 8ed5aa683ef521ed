import type { Attempt, EventError, Story } from './story.ts'

interface ViewOptions {
  /** Whether the reader may see what the function threw. */
  readonly owner: boolean
}

/** What the API tells of an event, and what a callback is sent. Absent: there is none, or not yet. */
export function eventView(story: Story, { owner }: ViewOptions): Record<string, unknown> {
  const { event, status, attempts, settled, nextAt, endedAt, result, resultNote, error, cancelling, callback } = story
  const last = attempts.at(-1)
  return {
    id: event.id,
    function: event.name,
    qualifier: event.qualifier ?? null,
    version: last?.version ?? null,
    trigger: event.trigger,
    ...(event.schedule !== undefined && { schedule: event.schedule }),
    status,
    ...(cancelling && status === 'running' && { cancelling }),
    acceptedAt: iso(event.acceptedAt),
    ...(status === 'queued' && nextAt !== undefined && { nextAttemptAt: iso(nextAt) }),
    ...(endedAt !== undefined && { endedAt: iso(endedAt) }),
    attempts: attempts.map((attempt) => attemptView(attempt, owner)),
    ...(settled > attempts.length && { attemptsNotShown: settled - attempts.length }),
    ...(result !== undefined && { result: JSON.parse(result) as unknown }),
    ...(resultNote !== undefined && { resultNote }),
    ...(error !== undefined && status !== 'succeeded' && { error: errorView(error, owner) }),
    ...(event.callback !== undefined && { callback: { url: event.callback, status: 'waiting', attempts: 0, ...callback } }),
  }
}

function attemptView({ attempt, version, outcome, startedAt, endedAt, usage, worker, error }: Attempt, owner: boolean): Record<string, unknown> {
  return {
    attempt,
    version,
    outcome,
    startedAt: iso(startedAt),
    endedAt: iso(endedAt),
    usage: usage ?? null,
    worker: worker ?? null,
    ...(error !== undefined && { error: errorView(error, owner) }),
  }
}

/** Nothing a function throws is for anybody but its owner. */
function errorView({ code, message, error }: EventError, owner: boolean): Record<string, unknown> {
  if (error === undefined) return { code, message }
  return owner ? { code, message, error } : { code, message: 'the function failed' }
}

function iso(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
