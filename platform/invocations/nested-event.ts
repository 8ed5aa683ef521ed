import type { NewEvent } from './invoke.ts'
import { isPassedOn } from './pass-on.ts'
import { HEADER_VALUE, TOKEN } from './reply-head.ts'

type UrlEvent = Extract<NewEvent, { door: 'url' }>

const MAX_URL_CHARS = 16 * 1024

/** Reads the request that a function makes of another one: a stranger's text. A string says what is wrong with it. */
export function parseNestedEvent(text: Buffer): UrlEvent | string {
  let value: unknown
  try {
    value = JSON.parse(text.toString('utf8'))
  } catch (error) {
    return `its request is not JSON (${(error as Error).message})`
  }
  if (typeof value !== 'object' || value === null) return 'its request is not an object'
  const { method, url, headers } = value as Record<string, unknown>
  if (typeof method !== 'string' || method.length > 64 || !TOKEN.test(method)) return 'its method is not an HTTP token'
  if (typeof url !== 'string' || !isHttpUrl(url)) return 'its url is not an absolute http: or https: URL'
  if (!Array.isArray(headers)) return 'its headers are not a list'
  const kept: [string, string][] = []
  for (const pair of headers as unknown[]) {
    if (!Array.isArray(pair) || typeof pair[0] !== 'string' || typeof pair[1] !== 'string') return 'its headers are not pairs of texts'
    const name = pair[0].toLowerCase()
    if (!TOKEN.test(name) || !HEADER_VALUE.test(pair[1])) return 'one of its headers is not one that HTTP can carry'
    if (isPassedOn(name, pair[1])) kept.push([name, pair[1]])
  }
  return { door: 'url', method, url, headers: kept }
}

function isHttpUrl(url: string): boolean {
  return url.length <= MAX_URL_CHARS && /^https?:\/\/[\x21-\x7e]+$/.test(url) && URL.canParse(url)
}
