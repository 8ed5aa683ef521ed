import { builtinModules } from 'node:module'
import { dirname, join, normalize } from 'node:path/posix'

export type Resolution = { readonly name: string } | { readonly error: string }

const TRIED_ENDINGS = ['', '.ts', '.tsx', '.mts', '.js', '.jsx', '.mjs', '.cjs', '.json', '/index.ts', '/index.tsx', '/index.js', '/index.mjs']

/** What projects write in imports, and the file it stands for. */
const WRITTEN_OTHERWISE: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\.js$/, ['.ts', '.tsx']],
  [/\.mjs$/, ['.mts']],
  [/\.jsx$/, ['.tsx']],
  [/\.wasm\?module$/, ['.wasm']],
]

const SHOWN_NAMES = 10
const BUILTINS = new Set(builtinModules)

/** Finds an import among the uploaded modules. There is nowhere else to look: no disk, no registry, no network. */
export function resolveImport(specifier: string, importer: string, uploaded: ReadonlySet<string>): Resolution {
  if (specifier.startsWith('./') || specifier.startsWith('../') || specifier === '.' || specifier === '..') {
    return resolveRelative(specifier, importer, uploaded)
  }
  if (specifier.startsWith('node:') || BUILTINS.has(specifier)) {
    return {
      error: `"${specifier}" is part of Node.js, which functions do not have: use the web's own Request, Response, crypto, URL, TextEncoder, streams, timers`,
    }
  }
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier) || specifier.startsWith('/') || specifier.startsWith('#')) {
    return { error: `Cannot import "${specifier}": only relative paths between uploaded modules are resolved` }
  }
  return { error: `"${specifier}" ${IS_A_PACKAGE}` }
}

const IS_A_PACKAGE = 'is a package, and packages are not installed here'

/** The way out of imports of packages, said once for all of them; undefined where none failed by that. */
export function packageHint(errors: readonly { readonly text: string }[], mainModule: string): string | undefined {
  if (!errors.some(({ text }) => text.endsWith(IS_A_PACKAGE))) return undefined
  return (
    'Bundle packages before the upload: ' +
    `npx esbuild ${mainModule} --bundle --format=esm --sourcemap=inline --sources-content=false --outfile=bundle.js, and upload bundle.js`
  )
}

function resolveRelative(specifier: string, importer: string, uploaded: ReadonlySet<string>): Resolution {
  const path = normalize(join(dirname(importer), specifier)).replace(/\/$/, '')
  if (path === '..' || path.startsWith('../')) return { error: `Cannot import "${specifier}": it points out of the upload` }
  for (const candidate of candidates(path)) if (uploaded.has(candidate)) return { name: candidate }
  const names = [...uploaded]
  const rest = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : ''
  return { error: `Cannot find "${specifier}": uploaded were ${names.slice(0, SHOWN_NAMES).join(', ')}${rest}` }
}

function* candidates(path: string): Generator<string> {
  for (const ending of TRIED_ENDINGS) yield path === '.' ? ending.slice(1) : `${path}${ending}`
  for (const [written, meant] of WRITTEN_OTHERWISE) if (written.test(path)) for (const ending of meant) yield path.replace(written, ending)
}
