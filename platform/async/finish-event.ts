import type { Store } from '../registry/open-store.ts'
import { callbackJobId, type EventQueues } from './event-queues.ts'
import { isOver, type Story } from './story.ts'
import { noteWaiting } from './waiting-tenants.ts'

/**
 * What is due once an event is over: its callback. May be said again, by whoever finds it over after a crash: it is the same
 * job then.
 */
export async function finishEvent(story: Story, { queues, store }: { queues: EventQueues; store: Store }): Promise<void> {
  const { event, endedAt } = story
  if (event.callback === undefined || endedAt === undefined || !isOver(story)) return
  const { tenant, id, name, trigger } = event
  await queues.add(tenant, 'callback', callbackJobId(id, endedAt), { id, function: name, trigger })
  await noteWaiting(store, tenant)
}
