import type { BuildFailure, Metafile, Plugin } from 'esbuild'
import { build } from 'esbuild'
import { MODULE_NAMESPACE } from '../../runtime/contract/artifact.ts'
import type { BuildError } from './build-error.ts'
import { placedText, toBuildError, withoutNamespace } from './build-error.ts'
import type { Upload } from './built.ts'
import { chooseLoader } from './choose-loader.ts'
import { isWasm, loadersFor, MODULE_EXTENSIONS } from './module-loader.ts'
import { resolveImport } from './resolve-import.ts'

export type Bundled =
  | { readonly ok: true; readonly script: string; readonly sourceMap: string; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly errors: readonly BuildError[] }

/** Turns an upload into one classic script. Reads nothing but the upload itself. Throws only when esbuild itself fails. */
export async function bundle(upload: Upload): Promise<Bundled> {
  try {
    const result = await build({
      entryPoints: [upload.mainModule],
      plugins: [uploadedModulesOnly(upload)],
      bundle: true,
      format: 'cjs',
      platform: 'neutral',
      target: 'es2024',
      // A computed import() would reach isolated-vm's missing module loader; as require() it reaches the prelude, which says what is wrong.
      supported: { 'dynamic-import': false },
      charset: 'utf8',
      keepNames: false,
      sourcemap: 'external',
      sourcesContent: false,
      metafile: true,
      write: false,
      outfile: '/bundle.js',
      absWorkingDir: '/',
      tsconfigRaw: {},
      logLevel: 'silent',
      logLimit: 10,
    })
    const [script, sourceMap] = [outputText(result, '.js'), outputText(result, '.js.map')]
    return {
      ok: true,
      script: wrap(script, isAllEsm(result.metafile)),
      sourceMap: trimSourceMap(sourceMap),
      warnings: result.warnings.map((warning) => placedText(toBuildError(warning, MODULE_NAMESPACE))),
    }
  } catch (error) {
    const { errors } = error as Partial<BuildFailure>
    if (!errors || errors.length === 0) throw error
    return { ok: false, errors: errors.filter(({ text }) => !NO_FILES.test(text)).map((message) => toBuildError(message, MODULE_NAMESPACE)) }
  }
}

/** What the bundler says of the walls around it (builder-child.ts); the error that matters comes beside it. */
const NO_FILES = /^Cannot read directory /

function uploadedModulesOnly(upload: Upload): Plugin {
  const names = new Set(upload.modules.keys())
  return {
    name: 'uploaded-modules-only',
    setup(builder) {
      builder.onResolve({ filter: /.*/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return { path, namespace: MODULE_NAMESPACE }
        const found = resolveImport(path, importer, names)
        return 'error' in found ? { errors: [{ text: found.error }] } : { path: found.name, namespace: MODULE_NAMESPACE }
      })
      builder.onLoad({ filter: /.*/, namespace: MODULE_NAMESPACE }, async ({ path }) => {
        const module = upload.modules.get(path)
        if (!module) return { errors: [{ text: `Cannot find the main module "${path}" in the upload` }] }
        if (isWasm(path, module.type)) return { contents: wasmModule(module.bytes), loader: 'js' }
        const loaders = loadersFor(path, module.type)
        if (!loaders) return { errors: [{ text: `Cannot read "${path}": a module's name ends in ${MODULE_EXTENSIONS.join(' ')}` }] }
        const source = decode(module.bytes)
        if (source === undefined) return { errors: [{ text: `Cannot read "${path}": it is not UTF-8 text` }] }
        return { contents: source, loader: await chooseLoader(source, loaders) }
      })
    },
  }
}

/** What an import of it gives: a WebAssembly.Module, as on other servers. Without WebAssembly this line says so, when it runs. */
function wasmModule(bytes: Buffer): string {
  return `export default new WebAssembly.Module(Uint8Array.fromBase64("${bytes.toString('base64')}"))`
}

const MAP_ELSEWHERE = /(\/[/*])[#@]([ \t]+sourceMappingURL=)(?!data:)/g

function decode(bytes: Buffer): string | undefined {
  try {
    // A map that is part of the module leads back to what was bundled into it. Where any other lies is nothing to follow: it may name any file.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(MAP_ELSEWHERE, '$1 $2')
    // esbuild would keep a hashbang as the bundle's first line, which is no longer the script's first line.
    return text.startsWith('#!') ? `//${text.slice(2)}` : text
  } catch {
    return undefined
  }
}

/**
 * One function expression. ES modules are strict, but esbuild does not say so in CommonJS output; a bundle with CommonJS
 * in it must stay sloppy. The newline before the brace keeps a last-line comment from swallowing it.
 */
function wrap(script: string, strict: boolean): string {
  return `(function (module, exports, require) {${strict ? ' "use strict";' : ''}\n${script}\n})`
}

function isAllEsm({ inputs }: Metafile): boolean {
  return Object.values(inputs).every(({ format }) => format !== 'cjs')
}

/** The wrapper is one line above esbuild's first; in a source map a line is a `;`. Names are left out: they are those of what is called, not of its caller. */
function trimSourceMap(json: string): string {
  const { version, sources, mappings } = JSON.parse(json) as { version: number; sources: string[]; mappings: string }
  return JSON.stringify({
    version,
    sources: sources.map((source) => withoutNamespace(source, MODULE_NAMESPACE)),
    names: [],
    mappings: `;${mappings}`,
  })
}

function outputText(result: { outputFiles: readonly { path: string; text: string }[] }, ending: string): string {
  const file = result.outputFiles.find(({ path }) => path === `/bundle${ending}`)
  if (!file) throw new Error(`Cannot read esbuild's result: no bundle${ending} in it`)
  return file.text
}
