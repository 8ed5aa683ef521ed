import type { Story } from '../../../platform/async/story.ts'

export const ID = '019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57'

/** An event that was accepted and nothing more, but for what a test says. */
export function storyOf(more: Partial<Story>): Story {
  const event = { id: ID, tenant: 'acme', name: 'greet', trigger: 'async', event: { door: 'rpc', headers: [] } } as const
  return {
    event: { ...event, depth: 0, bodyBytes: 2, acceptedAt: 1_800_000_000_000 },
    ...{ status: 'queued', since: 1_800_000_000_000, settled: 0, spent: 0, requeues: 0, attempts: [], cancelling: false },
    ...more,
  }
}
