import { SCRIPT_NAME } from '../../runtime/contract/artifact.ts'
import { around, type BuildError } from './build-error.ts'
import type { Upload, UploadedModule } from './built.ts'
import { isWasm } from './module-loader.ts'

/** How a frame looks once a worker has put it into the author's places (runtime/worker/stack-map.ts). */
const FRAME = /^[ \t]+at (?:async )?(?:.* \()?([^()\n]+):(\d{1,9}):(\d{1,9})\)?$/gm
/** How the engine's own parser names a place that the bundler's had nothing against. */
const NOT_PARSED = / \[([^[\]\n]+):(\d{1,9}):(\d{1,9})\]$/g

/**
 * Where in the upload a thrown error came from: the topmost frame that is the author's own. What he bundled before the upload
 * has a place and no line to show.
 */
export function toAuthorPlace(text: string, stack: string, { modules }: Upload): BuildError {
  let bundled: BuildError | undefined
  for (const [, file = '', line, column] of [...stack.matchAll(FRAME), ...text.matchAll(NOT_PARSED)]) {
    const place = { file, line: Number(line), column: Number(column) }
    const source = textOf(modules.get(file), file)
    if (source === undefined) {
      if (file !== SCRIPT_NAME) bundled ??= { text, ...place }
      continue
    }
    const lineText = source.split(/\r\n|\r|\n/)[place.line - 1]
    if (lineText !== undefined) return { text, ...place, lineText: around(lineText, place.column - 1) }
  }
  return bundled ?? { text }
}

function textOf(module: UploadedModule | undefined, name: string): string | undefined {
  return module === undefined || isWasm(name, module.type) ? undefined : module.bytes.toString('utf8')
}
