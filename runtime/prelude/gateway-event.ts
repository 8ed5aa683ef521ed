import type { FunctionInfo } from './context.ts'
import type { EventBody, UrlHead } from './event-args.ts'
import { plainHeaders } from './event-headers.ts'
import { append, type List, newList, toArray } from './list.ts'
import {
  arrayJoin,
  dateNow,
  define,
  mapForEach,
  mapSize,
  objectHasOwn,
  objectPrototype,
  objectSetPrototypeOf,
  stringIndexOf,
  stringSlice,
  stringTrim,
} from './primordials.ts'
import { queryValues, splitUrl } from './query.ts'

/** An Amazon API Gateway proxy event, payload format 2.0. What does not exist here (account, authorizer) is left out or 'isolane'. */
export function toGatewayEvent(head: UrlHead, body: EventBody, info: FunctionInfo): object {
  const { host, path, search } = splitUrl(head.url)
  const headers = plainHeaders(head.headers, 'cookie')
  const cookies = cookiesOf(head)
  const now = dateNow()
  const event = {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: search,
    headers,
    requestContext: {
      accountId: 'isolane',
      apiId: info.name,
      domainName: host,
      domainPrefix: info.name,
      http: {
        method: head.method,
        path,
        protocol: 'HTTP/1.1',
        sourceIp: firstOf(own(headers, 'x-forwarded-for')),
        userAgent: own(headers, 'user-agent'),
      },
      requestId: head.id,
      routeKey: '$default',
      stage: '$default',
      timeEpoch: now,
    },
    isBase64Encoded: body.isBase64,
  }
  if (cookies.length > 0) define(event, 'cookies', toArray(cookies))
  const query = joinedQuery(search)
  if (query !== undefined) define(event, 'queryStringParameters', query)
  if (body.text !== null) define(event, 'body', body.text)
  return event
}

function joinedQuery(search: string): Record<string, string> | undefined {
  const values = queryValues(search)
  if (mapSize(values) === 0) return undefined
  const query = { __proto__: null } as unknown as Record<string, string>
  mapForEach(values, (list, key) => {
    query[key] = arrayJoin(list, ',')
  })
  return objectSetPrototypeOf(query, objectPrototype) as Record<string, string>
}

function cookiesOf(head: UrlHead): List<string> {
  const cookies: List<string> = newList()
  for (let at = 0; at < head.headers.length; at++) {
    const pair = head.headers[at] as readonly [string, string]
    if (pair[0] !== 'cookie') continue
    for (let from = 0; from < pair[1].length; ) {
      const end = stringIndexOf(pair[1], ';', from)
      const to = end === -1 ? pair[1].length : end
      const cookie = stringTrim(stringSlice(pair[1], from, to))
      if (cookie !== '') append(cookies, cookie)
      from = to + 1
    }
  }
  return cookies
}

function own(headers: Record<string, string>, name: string): string {
  return objectHasOwn(headers, name) ? (headers[name] as string) : ''
}

function firstOf(addresses: string): string {
  const comma = stringIndexOf(addresses, ',')
  return stringTrim(comma === -1 ? addresses : stringSlice(addresses, 0, comma))
}
