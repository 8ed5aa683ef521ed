import type { ReplyHead } from '../../runtime/contract/messages.ts'

/** Header names and methods of HTTP. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Header values of HTTP: visible characters, spaces, tabs and bytes above ASCII. */
export const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** What a function may not say for the platform: framing, the platform's own fields, and what reaches beyond its own path. */
const REMOVED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'service-worker-allowed',
  'clear-site-data',
  'strict-transport-security',
  'alt-svc',
])

/** Reads what an isolate says its reply is: a stranger's bytes. undefined: not a reply that HTTP can carry. */
export function parseReplyHead(text: Buffer): ReplyHead | undefined {
  let value: unknown
  try {
    value = JSON.parse(text.toString('utf8'))
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { kind, status, headers, stream } = value as Record<string, unknown>
  const tail = parseStream(stream)
  if (tail === undefined) return undefined
  if (kind === 'json') return { kind, ...tail }
  if (kind !== 'http' || !Number.isInteger(status) || (status as number) < 200 || (status as number) > 599 || !Array.isArray(headers))
    return undefined
  const kept: [string, string][] = []
  for (const pair of headers as unknown[]) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string' || typeof pair[1] !== 'string') return undefined
    const name = pair[0].toLowerCase()
    if (!TOKEN.test(name) || !HEADER_VALUE.test(pair[1])) return undefined
    if (!REMOVED.has(name) && !name.startsWith('isolane-')) kept.push([name, pair[1]])
  }
  return { kind, status: status as number, headers: kept, ...tail }
}

function parseStream(stream: unknown): Pick<ReplyHead, 'stream'> | undefined {
  if (stream === undefined) return {}
  if (typeof stream !== 'object' || stream === null) return undefined
  const { length } = stream as Record<string, unknown>
  if (length === undefined) return { stream: {} }
  return Number.isSafeInteger(length) && (length as number) >= 0 ? { stream: { length: length as number } } : undefined
}

/** A cookie of a function stays on that function's path, and on this host. */
export function confineCookie(cookie: string, prefix: string): string {
  const [pair, ...attributes] = cookie.split(';')
  const kept = attributes.filter((attribute) => !/^\s*(domain|path)\s*(=|$)/i.test(attribute))
  const path = attributes.map((attribute) => /^\s*path\s*=\s*(.*?)\s*$/i.exec(attribute)?.[1]).find((value) => value !== undefined)
  const confined = path?.startsWith('/') && path !== '/' ? prefix + path : prefix
  return [pair, ...kept, ` Path=${confined}`].join(';')
}
