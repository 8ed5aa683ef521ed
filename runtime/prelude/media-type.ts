import { stringEndsWith, stringIndexOf, stringSlice, stringStartsWith, stringToLowerCase, stringTrim } from './primordials.ts'

/** `text/html; charset=utf-8` → `text/html`. */
export function essence(contentType: string): string {
  const end = stringIndexOf(contentType, ';')
  return stringToLowerCase(stringTrim(end === -1 ? contentType : stringSlice(contentType, 0, end)))
}

export function isJsonType(type: string): boolean {
  return type === 'application/json' || stringEndsWith(type, '+json')
}

/** Types whose bodies an event carries as text; everything else travels as base64. */
export function isTextType(type: string): boolean {
  return (
    stringStartsWith(type, 'text/') ||
    isJsonType(type) ||
    stringEndsWith(type, '+xml') ||
    type === 'application/xml' ||
    type === 'application/javascript' ||
    type === 'application/x-www-form-urlencoded' ||
    type === 'application/x-ndjson' ||
    type === 'application/graphql'
  )
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/**
 * Fetch's "extract a MIME type" from the joined values of Content-Type, as text: names in lower case, the last type that
 * is one; empty when none is. A charset of an earlier value of the same type goes on to hold.
 */
export function extractMimeType(contentType: string): string {
  let found: MimeType | undefined
  let charset: string | undefined
  for (const value of splitValues(contentType)) {
    const type = parseMimeType(value)
    if (type === undefined || type.essence === '*/*') continue
    if (type.essence !== found?.essence) charset = type.parameters.get('charset')
    else if (charset !== undefined && !type.parameters.has('charset')) type.parameters.set('charset', charset)
    found = type
  }
  if (found === undefined) return ''
  let text = found.essence
  for (const [name, value] of found.parameters) text += `;${name}=${TOKEN.test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`}`
  return text
}

interface MimeType {
  readonly essence: string
  readonly parameters: Map<string, string>
}

/** At commas that are not within quotes. */
function splitValues(text: string): string[] {
  return text.match(/(?:"(?:[^"\\]|\\.)*"?|[^,"])+/gs) ?? []
}

/** MIME Sniffing's "parse a MIME type". */
function parseMimeType(text: string): MimeType | undefined {
  const [head = '', ...rest] = text.match(/(?:"(?:[^"\\]|\\.)*"?|[^;"])+/gs) ?? []
  const parts = /^[\t\n\r ]*([^/]+)\/(.+?)[\t\n\r ]*$/s.exec(head)
  const [, type = '', subtype = ''] = parts ?? []
  if (!TOKEN.test(type) || !TOKEN.test(subtype)) return undefined
  const parameters = new Map<string, string>()
  for (const one of rest) {
    const [, name = '', quoted, plain = ''] = /^[\t\n\r ]*([^=]*)=(?:"((?:[^"\\]|\\.)*)|(.*?)[\t\n\r ]*$)/s.exec(one) ?? []
    const value = quoted === undefined ? plain : quoted.replace(/\\(.)/gs, '$1')
    const key = name.toLowerCase()
    if (TOKEN.test(key) && !parameters.has(key) && (quoted !== undefined || value !== '') && /^[\t -~\x80-\xff]*$/.test(value))
      parameters.set(key, value)
  }
  return { essence: `${type}/${subtype}`.toLowerCase(), parameters }
}
