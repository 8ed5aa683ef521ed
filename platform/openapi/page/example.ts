import { type Html, html } from './html.ts'
import { colouredJson, readableJson } from './prose.ts'

/** What a body looks like; one line of NDJSON is shown on several. */
export function exampleBlock(type: string, example: unknown): Html | undefined {
  if (example === undefined || example === '') return undefined
  const isLines = type === 'application/x-ndjson'
  const isText = typeof example === 'string' && !isLines
  const body = isText ? html`${example}` : html`${colouredJson(readableJson(isLines ? JSON.parse(example as string) : example))}`
  return html`<pre tabindex="0"${isLines ? html` title="On one line"` : undefined}><code>${body}</code></pre>`
}
