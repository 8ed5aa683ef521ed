import type { Reference } from '../document.ts'

/** What a reference points to. */
export function pointed<T extends object>(it: T | Reference, shared: Readonly<Record<string, T>>): T {
  if (!('$ref' in it)) return it
  const found = shared[it.$ref.split('/').at(-1) ?? '']
  if (found === undefined) throw new TypeError(`Cannot describe this: nothing is at ${it.$ref}`)
  return found
}
