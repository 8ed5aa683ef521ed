import { eventView } from '../async/event-view.ts'
import type { Story } from '../async/story.ts'

/** A dead letter with what the function was called with. Headers are left out: there may be credentials among them. */
export function deadLetterView(story: Story, body: Buffer | undefined): Record<string, unknown> {
  const { event } = story.event
  const about = event.door === 'url' ? { method: event.method, url: event.url } : {}
  return { ...eventView(story, { owner: true }), event: { ...about, ...(body !== undefined && bodyView(body)) } }
}

function bodyView(body: Buffer): Record<string, unknown> {
  const text = body.toString('utf8')
  if (!Buffer.from(text, 'utf8').equals(body)) return { body: body.toString('base64'), isBase64Encoded: true }
  try {
    return { body: JSON.parse(text) as unknown }
  } catch {
    return { body: text }
  }
}
