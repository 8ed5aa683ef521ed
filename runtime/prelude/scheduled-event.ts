import type { EventHead } from '../contract/messages.ts'
import { define, objectHasOwn } from './primordials.ts'

/**
 * What `scheduled` gets, with the members it has on Workers: `type`, `cron`, `scheduledTime`. A schedule that repeats every so
 * often has `every` instead of `cron`. `input` is what its owner gave it, else null.
 */
export function toScheduledEvent(head: EventHead & { door: 'scheduled' }, input: unknown): object {
  const event = { type: 'scheduled', schedule: head.schedule }
  // JSON.parse made `head`, so what it does not have could come from Object.prototype.
  if (objectHasOwn(head, 'cron')) define(event, 'cron', head.cron)
  if (objectHasOwn(head, 'every')) define(event, 'every', head.every)
  define(event, 'scheduledTime', head.scheduledTime)
  define(event, 'input', input)
  return event
}
