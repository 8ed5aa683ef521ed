import { append, type List, newList, toArray } from './list.ts'
import { decodeComponent, mapForEach, mapGet, mapSet, SafeMap, stringIncludes, stringIndexOf, stringSlice } from './primordials.ts'

/** Path and query of an absolute URL as it is written, without parsing it: `/` and `''` when absent. */
export function splitUrl(url: string): { host: string; path: string; search: string } {
  const scheme = stringIndexOf(url, '://')
  const from = scheme === -1 ? 0 : scheme + 3
  const slash = stringIndexOf(url, '/', from)
  const mark = stringIndexOf(url, '?', from)
  const hostEnd = slash !== -1 && (mark === -1 || slash < mark) ? slash : mark === -1 ? url.length : mark
  const pathEnd = mark === -1 ? url.length : mark
  const path = stringSlice(url, hostEnd, pathEnd)
  return { host: stringSlice(url, from, hostEnd), path: path === '' ? '/' : path, search: mark === -1 ? '' : stringSlice(url, mark + 1) }
}

/** A query as an object without prototype: a repeated key holds an array. */
export function parseQuery(search: string): Record<string, string | string[]> {
  const query = { __proto__: null } as unknown as Record<string, string | string[]>
  mapForEach(queryValues(search), (values, key) => {
    query[key] = values.length === 1 ? (values[0] as string) : toArray(values)
  })
  return query
}

/** All values of each key, decoded; what is not valid percent-encoding stays as it is. */
export function queryValues(search: string): Map<string, List<string>> {
  const found = new SafeMap<string, List<string>>()
  for (let from = 0; from < search.length; ) {
    const end = stringIndexOf(search, '&', from)
    const to = end === -1 ? search.length : end
    if (to > from) {
      const part = stringSlice(search, from, to)
      const equals = stringIndexOf(part, '=')
      const key = decode(equals === -1 ? part : stringSlice(part, 0, equals))
      const values = mapGet(found, key) ?? newList<string>()
      append(values, equals === -1 ? '' : decode(stringSlice(part, equals + 1)))
      mapSet(found, key, values)
    }
    from = to + 1
  }
  return found
}

function decode(text: string): string {
  const spaced = stringIncludes(text, '+') ? plusToSpace(text) : text
  if (!stringIncludes(spaced, '%')) return spaced
  try {
    return decodeComponent(spaced)
  } catch {
    return spaced
  }
}

function plusToSpace(text: string): string {
  let out = ''
  let from = 0
  for (let at = stringIndexOf(text, '+'); at !== -1; at = stringIndexOf(text, '+', from)) {
    out += `${stringSlice(text, from, at)} `
    from = at + 1
  }
  return out + stringSlice(text, from)
}
