import { extname } from 'node:path/posix'

/** esbuild's loaders, as far as uploads use them. */
export type Loader = 'ts' | 'tsx' | 'jsx' | 'json' | 'text'

const WASM_EXTENSION = '.wasm'

/**
 * TypeScript first, unless the module says that it is JavaScript: `f<T>(x)` parses as both, and as JavaScript it would
 * silently be two comparisons. What fails as the one is tried as the other, because content types and even file names are
 * often what a tool made up. jsx reads all of JavaScript; ts and tsx disagree on `<T>x`.
 */
const TYPESCRIPT: readonly Loader[] = ['ts', 'tsx', 'jsx']
const JAVASCRIPT: readonly Loader[] = ['jsx', 'ts', 'tsx']

const BY_EXTENSION: Readonly<Record<string, readonly Loader[]>> = {
  '.ts': TYPESCRIPT,
  '.mts': TYPESCRIPT,
  '.cts': TYPESCRIPT,
  '.tsx': ['tsx'],
  '.js': JAVASCRIPT,
  '.mjs': JAVASCRIPT,
  '.cjs': JAVASCRIPT,
  '.jsx': ['jsx'],
  '.json': ['json'],
  '.txt': ['text'],
}

export const MODULE_EXTENSIONS: readonly string[] = [...Object.keys(BY_EXTENSION), WASM_EXTENSION]

/** Whether a module is WebAssembly, which is no text. */
export function isWasm(name: string, type: string | undefined): boolean {
  return extname(name).toLowerCase() === WASM_EXTENSION || (type !== undefined && /^application\/wasm\b/i.test(type))
}

/** How to read a module, best guess first; `undefined` when it is nothing a bundle can hold. */
export function loadersFor(name: string, type: string | undefined): readonly Loader[] | undefined {
  const known = BY_EXTENSION[extname(name).toLowerCase()]
  if (known) return known
  const mime = type?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (mime.includes('javascript')) return JAVASCRIPT
  if (mime.includes('typescript')) return TYPESCRIPT
  if (mime.endsWith('json')) return ['json']
  if (mime.startsWith('text/')) return ['text']
  return extname(name) === '' ? TYPESCRIPT : undefined
}
