import type { ReplyHead } from '../../runtime/contract/messages.ts'

/** A larger result is not kept: the outcome is, with a note. Of its JSON text. */
export const MAX_RESULT_BYTES = 256 * 1024

export type EventResult = { readonly result: string } | { readonly resultNote: string }

/**
 * A function's reply as its event keeps it, JSON text: a value as it is; an HTTP answer as `{status, headers, body,
 * isBase64Encoded?}`, as `env.invoke` gives it. `body` `over`: it was more than is kept; `cut`: it did not come whole.
 */
export function eventResult(head: ReplyHead, body: Buffer | 'over' | 'cut'): EventResult {
  if (body === 'over') return { resultNote: tooLarge() }
  if (body === 'cut') return { resultNote: 'The result is not kept: its stream was cut' }
  const text = head.kind === 'json' ? jsonText(body) : JSON.stringify(httpResult(head, body))
  if (text === undefined) return { resultNote: 'The result is not kept: it is no JSON' }
  return Buffer.byteLength(text) <= MAX_RESULT_BYTES ? { result: text } : { resultNote: tooLarge() }
}

function tooLarge(): string {
  return `The result is not kept: it has more than ${MAX_RESULT_BYTES} bytes`
}

/** undefined: an isolate's bytes that are no JSON. */
function jsonText(body: Buffer): string | undefined {
  if (body.length === 0) return 'null'
  const text = body.toString('utf8')
  try {
    JSON.parse(text)
    return text
  } catch {
    return undefined
  }
}

function httpResult({ status, headers }: Extract<ReplyHead, { kind: 'http' }>, body: Buffer): Record<string, unknown> {
  const record: Record<string, string> = Object.create(null)
  for (const [name, value] of headers) record[name] = record[name] === undefined ? value : `${record[name]}, ${value}`
  const text = body.toString('utf8')
  const isText = Buffer.from(text, 'utf8').equals(body)
  return { status, headers: record, body: isText ? text : body.toString('base64'), ...(!isText && { isBase64Encoded: true }) }
}
