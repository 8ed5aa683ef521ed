import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import ivm from 'isolated-vm'
import { PRELUDE_FILE } from '../prelude/attach.ts'
import { insertEncodingTables, packedEncodingTables } from './encoding-tables.ts'
import { idnaDataModule } from './idna-data.ts'

const here = (file: string) => fileURLToPath(new URL(`../prelude/${file}`, import.meta.url))

/** Modules of the bundle that are made, not read. */
const virtualModules: Plugin = {
  name: 'virtual-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^isolane:idna-data$/ }, ({ path }) => ({ path, namespace: 'isolane' }))
    onLoad({ filter: /.*/, namespace: 'isolane' }, () => ({ contents: idnaDataModule(), loader: 'js' }))
  },
}

/**
 * The prelude as one classic script: everything that runs inside an isolate before the function does. Names are
 * kept, because they show in stack traces and as the names of classes.
 */
export async function buildPrelude(): Promise<string> {
  const result = await build({
    // Aliases are resolved from here, not from wherever the platform was started.
    absWorkingDir: here(''),
    entryPoints: [here('main.ts')],
    bundle: true,
    write: false,
    format: 'iife',
    // Strict throughout: the frames of strict functions give neither `this` nor the function to Error.prepareStackTrace.
    banner: { js: '"use strict";' },
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2024',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    inject: [here('stand-ins.ts')],
    plugins: [virtualModules, packedEncodingTables(here(''))],
    alias: { tr46: here('idna.ts') },
  })
  const [script] = result.outputFiles
  if (script === undefined) throw new Error('Cannot build the prelude: esbuild wrote nothing')
  return insertEncodingTables(script.text, dirname(fileURLToPath(import.meta.resolve('@exodus/bytes/encoding.js'))))
}

/** The script of warm-up.ts, for `buildSnapshot`. */
export async function buildWarmUp(): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL('warm-up.ts', import.meta.url))],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    target: 'es2024',
  })
  return result.outputFiles[0]?.text as string
}

/**
 * A V8 start-up snapshot with the prelude in it, for `new ivm.Isolate({ snapshot })`; what `warmUp` runs of the prelude
 * is in it compiled (a first call's CPU: 1.7 → 0.6 ms, for 0.1 MB of each sandbox). V8 ends the whole process when
 * something cannot go into a snapshot, so this is called in a disposable one only. Good for this exact Node and its flags.
 */
export function buildSnapshot(code: string, warmUp?: string): ArrayBuffer {
  const snapshot = ivm.Isolate.createSnapshot([{ code, filename: PRELUDE_FILE }], warmUp)
  return snapshot.copy({ release: true }) as ArrayBuffer
}
