import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import ivm from 'isolated-vm'
import { PRELUDE_FILE } from '../prelude/attach.ts'

const here = (file: string) => fileURLToPath(new URL(`../prelude/${file}`, import.meta.url))

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
    alias: { tr46: here('ascii-idna.ts'), '@exodus/bytes/encoding.js': '@exodus/bytes/encoding-lite.js' },
  })
  const [script] = result.outputFiles
  if (script === undefined) throw new Error('Cannot build the prelude: esbuild wrote nothing')
  return script.text
}

/**
 * A V8 start-up snapshot with the prelude in it, for `new ivm.Isolate({ snapshot })`. V8 ends the whole process when
 * something cannot go into a snapshot, so this is called in a disposable one only. Good for this exact Node and its flags.
 */
export function buildSnapshot(code: string): ArrayBuffer {
  const snapshot = ivm.Isolate.createSnapshot([{ code, filename: PRELUDE_FILE }])
  return snapshot.copy({ release: true }) as ArrayBuffer
}
