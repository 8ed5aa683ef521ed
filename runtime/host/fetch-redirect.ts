import { type FetchRequest, type HeaderPair, isStreamed, MAX_REDIRECTS, parseTarget } from './fetch-request.ts'
import { HostError } from './operation.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** They describe a body, and go with it. */
const BODY_HEADERS = new Set(['content-encoding', 'content-language', 'content-location', 'content-type'])
/** They were meant for the first origin only. */
const ORIGIN_HEADERS = new Set(['authorization', 'cookie'])

/**
 * What to request next, by "HTTP-redirect fetch" of the Fetch standard; undefined when this answer is the answer.
 *
 * @param location the field's value, decoded as Latin-1
 * @throws HostError TypeError where the standard has a network error
 */
export function redirected(request: FetchRequest, status: number, location: string | undefined): FetchRequest | undefined {
  if (!REDIRECTS.has(status) || request.redirect === 'manual') return undefined
  if (request.redirect === 'error') throw failed(`${request.url.origin} redirects (${status}), and redirect is "error"`)
  if (location === undefined) return undefined
  if (request.followed >= MAX_REDIRECTS) throw failed(`more than ${MAX_REDIRECTS} redirects`)
  // Servers send UTF-8 where the field can only have bytes.
  const url = parseTarget(Buffer.from(location, 'latin1').toString('utf8'), request.url)
  if (status !== 303 && isStreamed(request.body) && request.body.length === undefined)
    throw failed(`${request.url.origin} redirects (${status}), and a streamed body cannot be sent twice`)
  const becomesGet =
    ((status === 301 || status === 302) && request.method === 'POST') || (status === 303 && request.method !== 'GET' && request.method !== 'HEAD')
  const stays = ([name]: HeaderPair) => !(becomesGet && BODY_HEADERS.has(name)) && !(url.origin !== request.url.origin && ORIGIN_HEADERS.has(name))
  return {
    ...request,
    url,
    followed: request.followed + 1,
    method: becomesGet ? 'GET' : request.method,
    body: becomesGet ? undefined : request.body,
    headers: request.headers.filter(stays),
  }
}

function failed(what: string): HostError {
  return new HostError('TypeError', `fetch failed: ${what}`)
}
