import ipaddr from 'ipaddr.js'

/** One entry of ISOLANE_EGRESS_ALLOW. `port` undefined: every port. */
export type EgressEntry = (
  | { readonly kind: 'everything' }
  | { readonly kind: 'range'; readonly base: ipaddr.IPv4 | ipaddr.IPv6; readonly bits: number }
  /** In lower case, without a dot at the end. */
  | { readonly kind: 'name'; readonly name: string }
) & { readonly port: number | undefined }

export const EGRESS_ALLOW_WANTED =
  'a list, separated by commas, of addresses (127.0.0.1, ::1), ranges (10.0.0.0/8, fd00::/8), host names (localhost) or * for everything, each with :port if only that port is meant (127.0.0.1:9000, [::1]:9000)'

const PORT = /^[1-9]\d{0,4}$/
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/

/** The setting's text as entries, or in words which entry is wrong. Empty text: no entries. */
export function parseEgressAllow(text: string): readonly EgressEntry[] | { readonly problem: string } {
  const entries: EgressEntry[] = []
  if (text.trim() === '') return entries
  for (const word of text.split(',')) {
    const entry = parseEntry(word.trim())
    if (typeof entry === 'string') return { problem: `${JSON.stringify(word.trim())} ${entry}` }
    entries.push(entry)
  }
  return entries
}

/** An entry, or what is wrong with it. */
function parseEntry(word: string): EgressEntry | string {
  if (word === '') return 'is an empty entry'
  const parts = splitPort(word)
  if (parts === undefined) return 'has a "[" without its "]"'
  const { target, portText } = parts
  if (portText !== undefined && (!PORT.test(portText) || Number(portText) > 65_535)) return 'has a port that is not from 1 to 65535'
  const port = portText === undefined ? undefined : Number(portText)
  if (target === '*') return { kind: 'everything', port }
  if (target.includes('/')) return parseRange(target, port)
  const address = parseAddress(target)
  if (address !== undefined) return { kind: 'range', base: address, bits: address.kind() === 'ipv4' ? 32 : 128, port }
  const name = target.toLowerCase().replace(/\.$/, '')
  const labels = name.split('.')
  if (name.length > 253 || !labels.every((label) => LABEL.test(label))) return 'is neither an address nor a host name'
  // Such a name is a number to a URL: it would never match, or mean another address than it seems to.
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) as string)) return 'is neither an address of four decimal numbers nor a host name'
  return { kind: 'name', name, port }
}

/** Two colons and no brackets: an IPv6 address without a port. */
function splitPort(word: string): { target: string; portText: string | undefined } | undefined {
  if (word.startsWith('[')) {
    const match = /^\[([^\]]*)\](?::(.*))?$/.exec(word)
    return match === null ? undefined : { target: match[1] as string, portText: match[2] }
  }
  const colon = word.indexOf(':')
  if (colon === -1 || word.indexOf(':', colon + 1) !== -1) return { target: word, portText: undefined }
  return { target: word.slice(0, colon), portText: word.slice(colon + 1) }
}

function parseRange(text: string, port: number | undefined): EgressEntry | string {
  const slash = text.indexOf('/')
  const address = parseAddress(text.slice(0, slash))
  const bitsText = text.slice(slash + 1)
  const most = address?.kind() === 'ipv4' ? 32 : 128
  if (address === undefined || !/^\d{1,3}$/.test(bitsText) || Number(bitsText) > most) return 'is not a range such as 10.0.0.0/8 or fd00::/8'
  const bits = Number(bitsText)
  const first = (address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6).networkAddressFromCIDR(`${address.toString()}/${bits}`)
  if (first.toString() !== address.toString()) return `does not begin at the start of its range, which is ${first.toString()}/${bits}`
  return { kind: 'range', base: address, bits, port }
}

/**
 * One address, or undefined: four decimal numbers, or IPv6 without a zone. An IPv4-mapped address is the IPv4 address it
 * reaches.
 */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}
