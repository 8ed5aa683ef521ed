import { define, objectHasOwn, objectPrototype, objectSetPrototypeOf, stringToLowerCase } from './primordials.ts'
import { toText } from './text.ts'

type HeaderPairs = readonly (readonly [string, string])[]

/** Headers as a plain object, repeats joined by `, `; `skip` is left out. */
export function plainHeaders(pairs: HeaderPairs, skip?: string): Record<string, string> {
  // Filled while it inherits nothing: then no name, `__proto__` included, means anything else than itself.
  const headers = { __proto__: null } as unknown as Record<string, string>
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at] as readonly [string, string]
    const name = pair[0]
    if (name === skip) continue
    const before = headers[name]
    headers[name] = before === undefined ? pair[1] : `${before}, ${pair[1]}`
  }
  return objectSetPrototypeOf(headers, objectPrototype) as Record<string, string>
}

/** The same with a hidden `get(name)`, so that code written for a Request's headers works too. */
export function eventHeaders(pairs: HeaderPairs): Record<string, string> {
  const headers = plainHeaders(pairs)
  const sent = objectHasOwn(headers, 'get') ? (headers.get as string) : null
  // Defined last: a caller who sends a header named `get` must not take the method away.
  const get = (name: unknown): string | null => {
    const key = stringToLowerCase(toText(name))
    if (key === 'get') return sent
    return objectHasOwn(headers, key) ? (headers[key] as string) : null
  }
  define(headers, 'get', get, false)
  return headers
}
