import { isTooOld } from './decide-next.ts'
import { isOver, type Story } from './story.ts'

/** What whoever holds an event's job does with it, by what its story says. */
export type Step =
  /** Nothing is left to do but what follows its end. */
  | { readonly kind: 'finish' }
  | { readonly kind: 'wait'; readonly untilAt: number }
  | { readonly kind: 'give-up' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'attempt'; readonly attempt: number }

/**
 * Read from the story alone, so that whoever finds a job that another has left goes on where that one stood. An attempt that
 * was begun and not settled is said to the lane again under the same number: it joins the one that runs, or hears how it ended.
 */
export function nextStep(story: Story, now: number): Step {
  if (isOver(story)) return { kind: 'finish' }
  const { status, nextAt = 0, since, settled, cancelling } = story
  if (status === 'running') return { kind: 'attempt', attempt: settled + 1 }
  if (cancelling) return { kind: 'cancel' }
  if (isTooOld(since, now)) return { kind: 'give-up' }
  if (nextAt > now) return { kind: 'wait', untilAt: nextAt }
  return { kind: 'attempt', attempt: settled + 1 }
}
