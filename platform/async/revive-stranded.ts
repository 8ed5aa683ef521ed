import type { Store } from '../registry/open-store.ts'
import type { AsyncEvents } from './async-events.ts'
import { QUEUE_PREFIX } from './event-queues.ts'

const PAGE = 500

/**
 * Puts events back into their tenant's queue that have no job there, or one that is over: somebody died between the two steps
 * of a redrive, or has emptied the queue by hand. How many there were.
 */
export async function reviveStranded(
  tenant: string,
  { store, events }: { store: Store; events: Pick<AsyncEvents, 'enqueueAgain'> },
): Promise<number> {
  let revived = 0
  let cursor = '0'
  do {
    const [next, flat] = await store.hscan(`isolane:events:${tenant}:held:bytes`, cursor, 'COUNT', PAGE)
    cursor = next
    const ids = flat.filter((_, i) => i % 2 === 0).filter((id) => id !== 'all')
    const jobs = await Promise.all(ids.map((id) => store.hmget(`${QUEUE_PREFIX}:${tenant}:${id}`, 'name', 'finishedOn')))
    for (const [i, id] of ids.entries()) {
      const [name, finishedOn] = jobs[i] ?? []
      if ((name == null || finishedOn != null) && (await events.enqueueAgain(tenant, id))) revived++
    }
  } while (cursor !== '0')
  return revived
}
