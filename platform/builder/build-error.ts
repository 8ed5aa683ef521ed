/** One thing wrong with an upload. Line and column count from 1, the column in characters; all absent when there is no one place. */
export interface BuildError {
  readonly text: string
  readonly file?: string
  readonly line?: number
  readonly column?: number
  /** The offending line, cut to a readable window around the column. */
  readonly lineText?: string
}

/** esbuild's own shape, as far as it is read here: column and length are bytes of UTF-8 from 0. */
export interface BundlerMessage {
  readonly text: string
  readonly location: { readonly file: string; readonly line: number; readonly column: number; readonly lineText: string } | null
}

const WINDOW_CHARS = 120
const TOP_LEVEL_AWAIT = /^Top-level await/
const DIRECT_EVAL = /^Using direct eval/
const COMPUTED_PATH = /^Could not resolve (import|require)\("[^"]*\*/

export function toBuildError(message: BundlerMessage, namespace: string): BuildError {
  const text = inPlainWords(message.text)
  const { location } = message
  if (location === null) return { text }
  const before = Buffer.from(location.lineText).toString('utf8', 0, location.column)
  return {
    text,
    file: withoutNamespace(location.file, namespace),
    line: location.line,
    column: before.length + 1,
    lineText: around(location.lineText, before.length),
  }
}

function inPlainWords(text: string): string {
  if (TOP_LEVEL_AWAIT.test(text)) {
    return 'Top-level await is not available: a module loads in one go. Move the await into the handler, or keep the promise and await it there'
  }
  if (COMPUTED_PATH.test(text)) return 'Cannot bundle an import whose path is made at run time: import each module by its own name'
  if (DIRECT_EVAL.test(text)) return 'eval does not exist in functions: this call of it will throw'
  return text
}

export function withoutNamespace(file: string, namespace: string): string {
  return file.startsWith(`${namespace}:`) ? file.slice(namespace.length + 1) : file
}

/** A minified line can be megabytes long: show half a window before the place, half after it. */
export function around(line: string, at: number): string {
  if (line.length <= WINDOW_CHARS) return line
  const start = Math.max(0, at - WINDOW_CHARS / 2)
  return `${start > 0 ? '…' : ''}${line.slice(start, start + WINDOW_CHARS)}${start + WINDOW_CHARS < line.length ? '…' : ''}`
}

/** `index.ts:3:14: text`, as editors and terminals make links of. */
export function placedText({ text, file, line, column }: BuildError): string {
  return file === undefined ? text : `${file}:${line}:${column}: ${text}`
}

/**
 * The error as a person reads it:
 *
 *     index.ts:3:14: Expected ";" but found "foo"
 *       3 | const x = 1 foo
 *         |             ^
 */
export function describeBuildError(error: BuildError): string {
  const { line, column, lineText } = error
  if (line === undefined || column === undefined || lineText === undefined) return placedText(error)
  const margin = ' '.repeat(String(line).length)
  const isCut = lineText.startsWith('…') && column > WINDOW_CHARS / 2
  const caretAt = isCut ? WINDOW_CHARS / 2 + 1 : column - 1
  // Tabs stay tabs, so that the caret stands under its character whatever their width.
  const indent = lineText.slice(0, caretAt).replace(/[^\t]/g, ' ')
  return `${placedText(error)}\n  ${line} | ${lineText}\n  ${margin} | ${indent}^`
}
