import type { Frame } from '../../runtime/contract/frame.ts'
import { encodeFrame } from '../../runtime/contract/frame.ts'
import { MAX_BUNDLE_BYTES, MAX_SOURCE_BYTES } from '../../runtime/contract/limits.ts'
import { asInteger, asObject, asString, ContractError } from '../../runtime/contract/parse.ts'
import type { BuildError } from './build-error.ts'
import type { Upload, UploadedModule } from './built.ts'
import type { Bundled } from './bundle.ts'

/** Names, types and lengths of an upload's modules come on top of its source. */
export const MAX_REQUEST_FRAME_BYTES = MAX_SOURCE_BYTES + 1024 * 1024
/** A bundle over its limit must still fit, so that it can be told from a crash; its source map comes on top. */
export const MAX_ANSWER_FRAME_BYTES = 4 * MAX_BUNDLE_BYTES

const MAX_ERRORS = 10
const MAX_WARNINGS = 20
const MAX_TEXT_CHARS = 2_000

/** Parent → child: head {mainModule, modules: [{name, type, bytes}]}, body: the modules' bytes in that order. */
export function encodeUpload({ modules, mainModule }: Upload): Buffer {
  const list = [...modules].map(([name, { bytes, type }]) => ({ name, type, bytes: bytes.length }))
  return encodeFrame({ mainModule, modules: list }, undefined, Buffer.concat([...modules.values()].map(({ bytes }) => bytes)))
}

export function decodeUpload({ head, body }: Frame): Upload {
  const { mainModule, modules } = head as { mainModule: string; modules: { name: string; type?: string; bytes: number }[] }
  const byName = new Map<string, UploadedModule>()
  let at = 0
  for (const { name, type, bytes } of modules) {
    const part = body.subarray(at, at + bytes)
    byName.set(name, type === undefined ? { bytes: part } : { bytes: part, type })
    at += bytes
  }
  return { mainModule, modules: byName }
}

/** Child → parent: head {ok, warnings} or {ok, errors}, text: the script, body: its source map. */
export function encodeBundled(bundled: Bundled): Buffer {
  if (!bundled.ok) return encodeFrame(bundled)
  return encodeFrame({ ok: true, warnings: bundled.warnings }, bundled.script, bundled.sourceMap)
}

/** Checked like any message from an untrusted process: the child has parsed a stranger's code. */
export function decodeBundled({ head, text, body }: Frame): Bundled {
  const answer = asObject(head, 'build')
  if (answer.ok === true) {
    const warnings = asList(answer.warnings, 'warnings').slice(0, MAX_WARNINGS)
    return {
      ok: true,
      script: text.toString(),
      sourceMap: body.toString(),
      warnings: warnings.map((warning) => cut(asString(warning, 'warning'))),
    }
  }
  return { ok: false, errors: asList(answer.errors, 'errors').slice(0, MAX_ERRORS).map(toError) }
}

function toError(value: unknown): BuildError {
  const error = asObject(value, 'error')
  const text = cut(asString(error.text, 'error.text'))
  if (error.file === undefined) return { text }
  return {
    text,
    file: cut(asString(error.file, 'error.file')),
    line: asInteger(error.line, 'error.line', 0, 2 ** 31),
    column: asInteger(error.column, 'error.column', 0, 2 ** 31),
    lineText: cut(asString(error.lineText, 'error.lineText')),
  }
}

function asList(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new ContractError(field, value, 'a list')
  return value
}

function cut(text: string): string {
  return text.length > MAX_TEXT_CHARS ? `${text.slice(0, MAX_TEXT_CHARS)}…` : text
}
