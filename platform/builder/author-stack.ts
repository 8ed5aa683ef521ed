import { SourceMap } from 'node:module'
import { around, type BuildError, withoutNamespace } from './build-error.ts'
import type { Upload } from './built.ts'
import { NAMESPACE } from './bundle-names.ts'

/** How a frame of the bundle looks in a stack (runtime/cell/sandbox.ts names the script). */
const BUNDLE_PLACE = /file:\/\/\/function\.js:(\d+):(\d+)/g

/** The stack as the author would see it at home: places in the bundle become places in what was uploaded. */
export function toAuthorStack(stack: string, sourceMap: string): string {
  const map = new SourceMap(JSON.parse(sourceMap))
  return stack.replace(BUNDLE_PLACE, (place, line: string, column: string) => {
    const origin = originOf(map, Number(line), Number(column))
    return origin === undefined ? place : `${origin.file}:${origin.line}:${origin.column}`
  })
}

/** Where in the upload a thrown error came from: the topmost frame that is the author's own. */
export function toAuthorError(text: string, stack: string, sourceMap: string, upload: Upload): BuildError {
  const map = new SourceMap(JSON.parse(sourceMap))
  for (const [, line, column] of stack.matchAll(BUNDLE_PLACE)) {
    const origin = originOf(map, Number(line), Number(column))
    const source =
      origin &&
      upload.modules
        .get(origin.file)
        ?.bytes.toString('utf8')
        .split(/\r\n|\r|\n/)
    if (origin === undefined || source === undefined) continue
    return { text, ...origin, lineText: around(source[origin.line - 1] ?? '', origin.column - 1) }
  }
  return { text }
}

function originOf(map: SourceMap, line: number, column: number): { file: string; line: number; column: number } | undefined {
  const origin = map.findOrigin(line, column)
  if (!('fileName' in origin) || origin.fileName === undefined) return undefined
  return { file: withoutNamespace(origin.fileName, NAMESPACE), line: origin.lineNumber, column: origin.columnNumber }
}
