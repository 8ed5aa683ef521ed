import { type EgressEntry, parseAddress } from '../contract/egress-allow.ts'

/**
 * The platform's own Redis servers as entries of a list: closed to functions even where ISOLANE_EGRESS_ALLOW opens their
 * network. By the host that the URL has: behind a name there may be other ways to the same server, and there Redis itself
 * hangs up on whoever speaks HTTP. A unix socket has none.
 */
export function redisEntries(urls: readonly string[]): EgressEntry[] {
  return urls.flatMap((text): EgressEntry[] => {
    const url = URL.parse(text)
    if (url === null || url.hostname === '') return []
    const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase()
    const port = url.port === '' ? 6_379 : Number(url.port)
    const base = parseAddress(host)
    if (base === undefined) return [{ kind: 'name', name: host, port }]
    return [{ kind: 'range', base, bits: base.kind() === 'ipv4' ? 32 : 128, port }]
  })
}
