import ipaddr from 'ipaddr.js'
import { type EgressEntry, parseAddress } from '../contract/egress-allow.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** "Bad ports" of the Fetch standard: other protocols live there, and some of them take an HTTP request for their own. */
const BAD_PORTS = new Set([
  ...[1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117],
  ...[119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636],
  ...[989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080],
])

/** Public by number, yet a cloud's own: Azure's guest agent and metadata. */
const PUBLIC_METADATA = new Set(['168.63.129.16'])

interface Options {
  readonly allow: readonly EgressEntry[]
  /** Wins over `allow`: what no function may reach, whatever the setting says. */
  readonly deny?: readonly EgressEntry[]
  /** Addresses of this machine: closed even where they are public, unless `allow` opens them. */
  readonly own?: readonly string[]
}

/**
 * Decides where functions may connect to. Without entries: the public Internet and nothing else. It must be asked of
 * every address that is about to be dialled, and again of the one that was reached; what it says of a name is no more
 * than which rules the addresses behind it come under.
 */
export class EgressGuard {
  readonly #allow: readonly EgressEntry[]
  readonly #deny: readonly EgressEntry[]
  readonly #own: ReadonlySet<string>

  constructor({ allow, deny = [], own = [] }: Options) {
    this.#allow = allow
    this.#deny = deny
    this.#own = new Set(own.map((text) => parseAddress(text)?.toString() ?? text))
  }

  /** `host`: as the URL has it, a name or an address without brackets, in lower case. `address`: what it stands for. */
  mayReach(host: string, address: string, port: number): boolean {
    const parsed = parseAddress(address)
    if (parsed === undefined) return false
    const covers = (entry: EgressEntry) => coversPort(entry, port) && (coversName(entry, host) || coversAddress(entry, parsed))
    if (this.#deny.some(covers)) return false
    if (this.#allow.some(covers)) return true
    return isPublic(parsed) && !this.#own.has(parsed.toString())
  }

  /** A port that the Fetch standard blocks may be opened by naming it. */
  mayUsePort(host: string, port: number): boolean {
    if (!BAD_PORTS.has(port)) return true
    const parsed = parseAddress(host)
    return this.#allow.some((entry) => entry.port === port && (coversName(entry, host) || (parsed !== undefined && coversAddress(entry, parsed))))
  }

  /** Whether another port of what stands in the URL is open by name or number: then `port` is what was wrong. Says nothing of what is behind a name. */
  opensOtherPorts(host: string, port: number): boolean {
    const parsed = parseAddress(host)
    return this.#allow.some(
      (entry) => !coversPort(entry, port) && (coversName(entry, host) || (parsed !== undefined && coversAddress(entry, parsed))),
    )
  }

  /** Whether the operator has named this host: then it is looked up as the machine does, its hosts file included. */
  names(host: string): boolean {
    return this.#allow.some((entry) => entry.kind === 'name' && coversName(entry, host))
  }
}

/** An address that can only be on the public Internet: no private, shared, local, documentation, translation or multicast range. */
export function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false
  if (address.kind() === 'ipv4') return !PUBLIC_METADATA.has(address.toString())
  return (address as ipaddr.IPv6).match(GLOBAL_UNICAST)
}
const GLOBAL_UNICAST: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3]

/** IPv4 in IPv6 clothes (NAT64, RFC 6052): a resolver's stand-in for an A record that it gives as well. */
export function isTranslated(address: string): boolean {
  const parsed = parseAddress(address)
  return parsed?.kind() === 'ipv6' && (parsed as ipaddr.IPv6).range() === 'rfc6052'
}

function coversPort(entry: EgressEntry, port: number): boolean {
  return entry.port === undefined || entry.port === port
}

function coversName(entry: EgressEntry, host: string): boolean {
  return entry.kind === 'everything' || (entry.kind === 'name' && entry.name === host.replace(/\.$/, ''))
}

function coversAddress(entry: EgressEntry, address: Address): boolean {
  return entry.kind === 'range' && entry.base.kind() === address.kind() && address.match(entry.base, entry.bits)
}
