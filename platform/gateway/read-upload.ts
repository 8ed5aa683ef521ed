import { normalize } from 'node:path/posix'
import { MAX_SOURCE_BYTES } from '../../runtime/contract/limits.ts'
import type { Upload, UploadedModule } from '../builder/built.ts'
import { Problem } from '../problem.ts'
import type { HoldBytes } from './held-bodies.ts'
import { parseJsonObject, readBody } from './request-body.ts'

/** An upload and what its `metadata` part says beside `main_module`. */
export interface ReadUpload {
  readonly upload: Upload
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Boundaries, part headers and metadata of a form come on top of its modules. */
const FORM_OVERHEAD_BYTES = 256 * 1024
const MAX_MODULE_NAME_CHARS = 200
const ZIP_MAGIC = Buffer.from('PK\x03\x04')

/**
 * Reads the code out of a PUT: a form with modules, or else one module, whatever its content type says or does not say.
 *
 * @throws Problem 400, 413 or 415; 503 when there is no room for it
 */
export async function readUpload(request: Request, hold: HoldBytes): Promise<ReadUpload> {
  const type = request.headers.get('content-type') ?? ''
  if (/^application\/(x-)?zip/i.test(type)) throw zipRefused()
  if (/^multipart\//i.test(type)) return readForm(request, type, hold)
  return readSingle(await readBody(request, MAX_SOURCE_BYTES, hold), type)
}

function readSingle(bytes: Buffer, type: string): ReadUpload {
  if (bytes.subarray(0, ZIP_MAGIC.length).equals(ZIP_MAGIC)) throw zipRefused()
  if (bytes.toString('utf8', 0, 4096).trim() === '')
    throw badUpload('module_missing', 'the body is empty: send the module, as in curl --data-binary @index.ts')
  const name = /javascript/i.test(type) ? 'index.js' : 'index.ts'
  return { upload: { mainModule: name, modules: new Map([[name, { bytes }]]) }, metadata: {} }
}

async function readForm(request: Request, type: string, hold: HoldBytes): Promise<ReadUpload> {
  if (!/^multipart\/form-data/i.test(type)) throw badUpload('form_invalid', `wanted multipart/form-data, got ${type.split(';', 1)[0]}`, 415)
  const form = await parseForm(await readBody(request, MAX_SOURCE_BYTES + FORM_OVERHEAD_BYTES, hold), type)
  const modules = new Map<string, UploadedModule>()
  let metadata: Record<string, unknown> = {}
  for (const [field, part] of form) {
    if (field === 'metadata') {
      metadata = parseJsonObject(typeof part === 'string' ? part : await part.text(), 'the part "metadata"')
      continue
    }
    const name = moduleName(field, part)
    if (modules.has(name)) throw badUpload('form_invalid', `there are two modules named "${name}"`)
    modules.set(name, typeof part === 'string' ? { bytes: Buffer.from(part) } : { bytes: Buffer.from(await part.arrayBuffer()), type: part.type })
  }
  const { main_module: main, ...settings } = metadata
  return { upload: { modules, mainModule: mainModule(main, modules) }, metadata: settings }
}

async function parseForm(bytes: Buffer, type: string): Promise<FormData> {
  try {
    return await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData()
  } catch {
    throw badUpload('form_invalid', 'the body is not the multipart/form-data its boundary announces')
  }
}

/** The field's name is the module's, as in `-F 'lib/greet.ts=@greet.ts'`; a field named like no file gives way to the file's name, as in `-F 'main=@index.ts'`. */
function moduleName(field: string, part: string | File): string {
  const given = !field.includes('.') && typeof part !== 'string' && part.name.includes('.') ? part.name : field
  const name = normalize(given)
  const isInside = name !== '.' && name !== '..' && !name.startsWith('../') && !name.startsWith('/')
  if (isInside && name.length <= MAX_MODULE_NAME_CHARS && /^[\x20-\x7e]+$/.test(name) && !name.includes('\\')) return name
  throw badUpload(
    'module_name_invalid',
    `a module's name is a relative path of up to ${MAX_MODULE_NAME_CHARS} printable ASCII characters, got ${JSON.stringify(given.slice(0, 80))}`,
  )
}

function mainModule(main: unknown, modules: ReadonlyMap<string, UploadedModule>): string {
  const [first, second] = modules.keys()
  if (first === undefined) throw badUpload('module_missing', 'the form has no module part: add one, as in curl -F index.ts=@index.ts')
  if (main === undefined && second === undefined) return first
  const wanted = `"main_module" in the part "metadata", one of ${[...modules.keys()].slice(0, 10).join(', ')}`
  if (typeof main !== 'string') throw badUpload('main_module_invalid', `wanted ${wanted}; got ${JSON.stringify(main) ?? 'none'}`)
  const name = normalize(main)
  if (!modules.has(name)) throw badUpload('main_module_invalid', `wanted ${wanted}; got ${JSON.stringify(main)}`)
  return name
}

function badUpload(code: string, problem: string, status = 400): Problem {
  return new Problem({ status, code, detail: `Cannot read the upload: ${problem}` })
}

function zipRefused(): Problem {
  return badUpload(
    'zip_unsupported',
    'zip archives are not taken yet: send the one module as the body, or several as multipart/form-data with a "metadata" part',
    415,
  )
}
