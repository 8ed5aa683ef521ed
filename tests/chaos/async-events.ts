import { setTimeout as pause } from 'node:timers/promises'
import type { Deployment } from './deployment.ts'
import type { Part } from './part.ts'

const LOOK_EVERY_MS = 250

/** Does this platform take events to be run by and by? */
export async function hasAsyncDoor(deployment: Deployment): Promise<boolean> {
  const headers = { prefer: 'respond-async' }
  const answer = await deployment.fetch(deployment.gateways[0] as Part, '/v1/functions/hello/invocations', { method: 'POST', body: 'null', headers })
  await answer.text()
  return answer.status === 202
}

/** What became of events, by id; whoever is not done within `withinMs` is `queued` or `running`. */
export async function statusOf(deployment: Deployment, ids: readonly string[], withinMs: number): Promise<Map<string, string>> {
  const statuses = new Map<string, string>()
  const open = new Set(ids)
  for (const endAt = performance.now() + withinMs; open.size > 0; await pause(LOOK_EVERY_MS)) {
    for (const id of open) {
      const status = await ask(deployment, id)
      statuses.set(id, status)
      if (status !== 'queued' && status !== 'running') open.delete(id)
    }
    if (performance.now() > endAt) break
  }
  return statuses
}

async function ask(deployment: Deployment, id: string): Promise<string> {
  const answer = await deployment.fetch(deployment.gateways[0] as Part, `/v1/invocations/${id}`)
  const body = (await answer.json()) as { status?: string; code?: string }
  return answer.ok ? (body.status ?? 'no status') : `${answer.status} ${body.code}`
}
