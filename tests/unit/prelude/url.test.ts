import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { evaluate } from './sandbox.ts'

/** whatwg-url with its own tables and its own parser only: what the prelude's URL must agree with. */
const { URL: Reference } = createRequire(import.meta.url)('whatwg-url') as { URL: typeof URL }

const PARTS = ['href', 'origin', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash'] as const
type Input = readonly [url: string, base?: string]

function partsOf([url, base]: Input): string[] | null {
  const parsed = Reference.parse(url, base)
  return parsed === null ? null : PARTS.map((part) => parsed[part])
}

/** An answer may be 256 KiB large. */
const BATCH = 500

function inSandbox(inputs: readonly Input[]): unknown[] {
  const code = `return event.map(([url, base]) => { const parsed = URL.parse(url, base); return parsed && ${JSON.stringify(PARTS)}.map((part) => parsed[part]) })`
  const found: unknown[] = []
  for (let from = 0; from < inputs.length; from += BATCH) found.push(...(evaluate(code, { event: inputs.slice(from, from + BATCH) }) as unknown[]))
  return found
}

/** Pieces around everything that the short way must leave to the long one. */
const piece = (...more: readonly string[]) =>
  fc
    .array(fc.constantFrom('a', 'b9', 'Z', '0', '.', '..', '-', '_', '~', '%20', '%2e', '%2E', '%', "'", '"', '!', '$', ',', ...more), {
      maxLength: 5,
    })
    .map((all) => all.join(''))
const address = fc
  .tuple(
    fc.constantFrom('http://', 'https://', 'HTTP://', 'https:/', 'ftp://', 'x:', ''),
    fc.constantFrom('', 'me@', 'me:pw@'),
    fc.oneof(
      fc.constantFrom('example.com', 'a.b.c', 'localhost', 'xn--bcher-kva.example', 'a.1', '127.0.0.1', '0x7f.1', 'a..b', 'EXAMPLE.com', '[::1]'),
      piece('xn--'),
    ),
    fc.constantFrom('', ':', ':80', ':443', ':0080', ':8080', ':65535', ':65536', ':x'),
    piece('/', '//', '/.', '\\', ' ', '\t', 'ä', ':', '@').map((text) => (text === '' ? '' : `/${text}`)),
    fc.oneof(
      fc.constant(''),
      piece('?', '&', '=', 'ä', ' ', '<').map((text) => `?${text}`),
    ),
    fc.oneof(
      fc.constant(''),
      piece('#', '`', '?', ' ').map((text) => `#${text}`),
    ),
  )
  .map((all) => all.join(''))
const relative = fc.oneof(
  piece('/', '//', ':', '?', '#', '\\'),
  piece('/', '?', '#').map((text) => `/${text}`),
)
const BASES = ['https://fn.example/a/b?c#d', 'http://me:pw@h.example:8080/', 'file:///a/b', 'x:opaque']

test('an address means what it means to whatwg-url, whichever way it is parsed', () => {
  const inputs: Input[] = [
    ...fc.sample(address, 4_000).map((url) => [url] as const),
    ...fc.sample(fc.tuple(relative, fc.constantFrom(...BASES)), 3_000),
  ]
  expect(inSandbox(inputs)).toEqual(inputs.map(partsOf))
})

test('a host in any script becomes what it becomes with the tables of whatwg-url', () => {
  const character = fc.oneof(
    fc.integer({ min: 0x80, max: 0x2fff }),
    fc.integer({ min: 0x80, max: 0x10ffff }).filter((code) => code < 0xd800 || code > 0xdfff),
    fc.constantFrom(0x61, 0x31, 0x2d, 0x2e, 0x200c, 0x200d, 0x94d, 0x5d0, 0x627, 0x661, 0x644, 0x300, 0xdf, 0x3c2, 0x2260, 0x1f1e6),
  )
  const label = fc.array(character, { minLength: 1, maxLength: 5 }).map((codes) => String.fromCodePoint(...codes))
  const encoded = fc.stringMatching(/^xn--[a-z0-9-]{0,9}$/)
  const hosts = [
    ...fc.sample(label, 4_000),
    ...fc.sample(encoded, 1_500),
    ...fc.sample(fc.tuple(label, fc.oneof(label, encoded)), 1_500).map((two) => two.join('.')),
  ]
  const inputs = hosts.map((host) => [`http://${host}/`] as const)
  expect(inSandbox(inputs)).toEqual(inputs.map(partsOf))
})

test('every code point by itself is treated as the tables of whatwg-url say', () => {
  const reference = (code: number) => Reference.parse(`http://a${String.fromCodePoint(code)}a`)?.hostname ?? null
  // Planes 3 to 13 are nearly empty: their first pages must do.
  const RANGES = [
    [0x80, 0xd7ff],
    [0xe000, 0x1ffff],
    [0x20000, 0x20200],
    [0x2f700, 0x30100],
    [0x323a0, 0x32500],
    [0xe0000, 0xe0200],
  ] as const
  // What differs is found within: told is the table as a checksum per page of 256.
  const PAGE_SUM = `let sum = 0; for (let code = first; code <= last; code++) for (const unit of (host(code) ?? '?') + ';') sum = (Math.imul(sum, 31) + unit.charCodeAt(0)) | 0`
  const pages = RANGES.flatMap(([first, last]) =>
    Array.from({ length: Math.ceil((last - first + 1) / 256) }, (_, at) => [first + at * 256, Math.min(last, first + at * 256 + 255)] as const),
  )
  const sumOf = new Function('host', 'first', 'last', `${PAGE_SUM}; return sum`)
  const code = `const host = (code) => URL.parse('http://a' + String.fromCodePoint(code) + 'a')?.hostname ?? null
    return event.map(([first, last]) => { ${PAGE_SUM}; return sum })`
  const found: number[] = []
  for (let from = 0; from < pages.length; from += 50) found.push(...(evaluate(code, { event: pages.slice(from, from + 50) }) as number[]))
  const different = pages.filter(([first, last], at) => found[at] !== sumOf(reference, first, last))
  expect(different.map(([first]) => first.toString(16))).toEqual([])
})

test('searchParams and search follow each other', () => {
  expect(
    evaluate(`const u = new URL('https://a.example/?x=1'), same = u.searchParams === u.searchParams, params = u.searchParams
      params.append('y', 'ä b'); const first = u.href; u.search = '?z=3'; const second = [...params]; u.href = 'https://b.example/?q'; params.delete('q')
      return [same, first, second, u.href, JSON.stringify({ u }), \`\${u}\`, u instanceof URL, Object.prototype.toString.call(u)]`),
  ).toEqual([
    true,
    'https://a.example/?x=1&y=%C3%A4+b',
    [['z', '3']],
    'https://b.example/',
    '{"u":"https://b.example/"}',
    'https://b.example/',
    true,
    '[object URL]',
  ])
})

test('what is no address is a TypeError that shows it', () => {
  expect(
    evaluate(`const tell = (f) => { try { return f() } catch (e) { return [e.name, e.message] } }
    return [tell(() => new URL('/a')), tell(() => new URL('a', 'b')), tell(() => new URL()), URL.canParse('/a'), URL.canParse('/a', 'https://b.example')]`),
  ).toEqual([['TypeError', 'Invalid URL: /a'], ['TypeError', 'Invalid base URL: b'], ['TypeError', 'Invalid URL: undefined'], false, true])
})
