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
