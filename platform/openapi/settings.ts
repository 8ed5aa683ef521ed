import { HANDLER_STYLES } from '../../runtime/contract/function-version.ts'
import { DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT_MS, MAX_CONCURRENCY, MAX_TIMEOUT_MS, MEMORY_MB_CHOICES } from '../../runtime/contract/limits.ts'
import { MAX_RETRIES } from '../registry/parse-settings.ts'
import { DEFAULT_RETRIES } from '../registry/settings.ts'
import type { Parameter, Schema } from './document.ts'
import { flag, integer, map, name, orNull, text } from './schema.ts'

const OF_THE_VERSION: Readonly<Record<string, Schema>> = {
  memoryMb: integer(`Memory of one sandbox in MiB; its riders share it. Default ${DEFAULT_MEMORY_MB}.`, { enum: MEMORY_MB_CHOICES }),
  timeoutMs: integer(`Wall-clock time of one call, in milliseconds. Default ${DEFAULT_TIMEOUT_MS}.`, { minimum: 1, maximum: MAX_TIMEOUT_MS }),
  concurrency: integer('Calls one sandbox carries at once. Default 16 for the style `fetch`, 1 for the others.', {
    minimum: 1,
    maximum: MAX_CONCURRENCY,
  }),
  style: text('How the module takes its calls. Default: found by looking at its exports.', { enum: HANDLER_STYLES }),
  wasm: flag('Whether it has WebAssembly; `memoryMb` bounds its memories and its heap together. Default `false`.'),
}

const OF_THE_FUNCTION: Readonly<Record<string, Schema>> = {
  access: text('Whether the function’s URL needs a key. Default `private`.', { enum: ['private', 'public'] }),
  maxConcurrency: integer('Calls at once over all workers; 0 switches the function off. Default: no limit of its own.', {
    minimum: 0,
    maximum: 100_000,
  }),
  idempotent: flag('The author’s word that a call may be repeated when it is not known whether it ran. Default `false`.'),
  retries: integer(`How often an asynchronous call is tried again when it failed. Default ${DEFAULT_RETRIES}.`, { minimum: 0, maximum: MAX_RETRIES }),
  onSuccess: name('A function of the tenant that is called, asynchronously, when an asynchronous call has succeeded. Default: none.'),
  onFailure: name('The same for one that failed for good. Default: none.'),
}

const SCALARS = { ...OF_THE_VERSION, ...OF_THE_FUNCTION }

const ENV_NAMES = 'Names match `^[A-Z][A-Z0-9_]*$`, `KV` is reserved; up to 100 names and 32 KiB'

/** Settings as a JSON body has them: `null` goes back to the default. */
export const SETTINGS_SCHEMA: Schema = {
  type: 'object',
  description: 'Omitted settings stay as they are; `null` goes back to the default.',
  properties: {
    ...Object.fromEntries(Object.entries(SCALARS).map(([field, schema]) => [field, orNullEnum(schema)])),
    env: map(orNull(text('A text, or `null` to remove the name.')), `Handed to the function as \`env\`, merged over what it has. ${ENV_NAMES}.`),
  },
  additionalProperties: false,
}

/** The same in a query, where the text `default` goes back to the default. */
export const SETTINGS_PARAMETERS: readonly Parameter[] = [
  ...Object.entries(SCALARS).map(
    ([name, { description = '', ...schema }]): Parameter => ({
      name,
      in: 'query',
      description,
      schema: { oneOf: [schema, { type: 'string', const: 'default' }] },
    }),
  ),
  {
    name: 'env',
    in: 'query',
    description: `Written \`env.NAME=text\`, once for each name. ${ENV_NAMES}. Names that look like secrets (KEY, TOKEN, SECRET, PASSWORD) are refused here, because addresses end up in logs: \`PUT …/secrets/{NAME}\` keeps them.`,
    schema: { type: 'object', additionalProperties: text('A text.') },
  },
]

/** A list of what is allowed must allow `null` too. */
function orNullEnum(schema: Schema): Schema {
  return schema.enum === undefined ? orNull(schema) : { description: schema.description ?? '', oneOf: [{ ...schema }, { type: 'null' }] }
}
