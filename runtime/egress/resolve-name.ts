import { lookup, Resolver } from 'node:dns/promises'
import { setTimeout } from 'node:timers/promises'

/** The addresses of a name. Rejects with an error that has a `code`: ENOTFOUND where there are none, ETIMEOUT where nobody answered. */
export type ResolveName = (name: string, asTheMachineDoes: boolean) => Promise<readonly string[]>

/** How long IPv6 addresses are waited for once those of IPv4 are there (RFC 8305 §3 has 50 ms the other way round). */
const SIX_GRACE_MS = 50

interface Options {
  /** `address:port`; default: the machine's. */
  readonly servers?: readonly string[]
  /** For the first of two attempts; the second may take longer. Default 1 500. */
  readonly attemptMs?: number
}

/**
 * Names that strangers choose are asked of DNS directly (c-ares): that takes no thread, where `dns.lookup` would hold one
 * of libuv's four for as long as a hostile server likes to wait, and with them the worker's files. It also knows neither
 * the machine's hosts file nor its search domains, which lead inside. `asTheMachineDoes`: for the few names that the
 * operator has opened, which are often just there.
 */
export function createResolveName({ servers, attemptMs = 1_500 }: Options = {}): ResolveName {
  const resolver = new Resolver({ timeout: attemptMs, tries: 2 })
  if (servers !== undefined) resolver.setServers(servers)
  return async (name, asTheMachineDoes) => {
    // RFC 6761: never asked of anyone.
    if (/(^|\.)localhost\.?$/.test(name)) return ['127.0.0.1', '::1']
    if (asTheMachineDoes) return (await lookup(name, { all: true })).map(({ address }) => address)
    const six = resolver.resolve6(name).catch(asFailure)
    const four = await resolver.resolve4(name).catch(asFailure)
    // A name that is not there has no addresses of the other kind either.
    if (!Array.isArray(four) && four.code === 'ENOTFOUND') throw four
    // Servers that leave a question about IPv6 unanswered are common enough.
    const found = Array.isArray(four)
      ? [...four, ...addressesOf(await Promise.race([six, setTimeout<string[]>(SIX_GRACE_MS, [])]))]
      : addressesOf(await six)
    if (found.length > 0) return found
    throw four
  }
}

function addressesOf(answer: string[] | NodeJS.ErrnoException): string[] {
  return Array.isArray(answer) ? answer : []
}

function asFailure(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  return error
}
