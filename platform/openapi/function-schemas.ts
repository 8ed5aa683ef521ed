import { HANDLER_STYLES } from '../../runtime/contract/function-version.ts'
import { MAX_CONCURRENCY, MEMORY_MB_CHOICES } from '../../runtime/contract/limits.ts'
import type { Schema } from './document.ts'
import { flag, instant, integer, list, map, name, number, object, orNull, ref, text } from './schema.ts'
import { SETTINGS_SCHEMA } from './settings.ts'

const LIMITS = {
  memoryMb: integer('MiB of one sandbox.', { enum: MEMORY_MB_CHOICES }),
  timeoutMs: integer('Wall-clock time of one call.'),
  concurrency: integer('Calls one sandbox carries at once.', { minimum: 1, maximum: MAX_CONCURRENCY }),
  wasm: flag('Whether it has WebAssembly.'),
}

const OF_THE_FUNCTION = {
  access: text('Whether the URL needs a key.', { enum: ['private', 'public'] }),
  maxConcurrency: orNull(integer('Calls at once over all workers; 0: switched off, `null`: no limit of its own.')),
  idempotent: flag('Whether a call may be repeated when it is not known whether it ran.'),
  retries: integer('How often an asynchronous call is tried again when it failed.'),
  onSuccess: orNull(name('A function that is told of asynchronous calls that succeeded')),
  onFailure: orNull(name('A function that is told of those that failed for good')),
}

const VERSION = {
  version: integer('Counts from 1 and is never given twice.'),
  sha256: text('Of the bundled script.', { pattern: '^[0-9a-f]{64}$' }),
  style: text('How it takes its calls.', { enum: HANDLER_STYLES }),
  ...LIMITS,
  sourceBytes: integer('Size as uploaded.'),
  bundleBytes: integer('Size once bundled.'),
  createdAt: instant('When it was uploaded.'),
}

const IDENTITY = { name: name('The function’s name'), tenant: name('Whose it is') }
const URL_PATH = text('Where it answers, below the platform’s own address.')
const TARGETS = list(
  object({ version: integer('A version.'), weight: number('Relative to the other targets’ weights.') }),
  'The versions that share it.',
)

const FUNCTION = {
  ...IDENTITY,
  url: URL_PATH,
  live: orNull(integer('The version calls go to; `null` when there is none or several share it: then `aliases` tells.')),
  ...OF_THE_FUNCTION,
  aliases: map(TARGETS, 'By alias; `live` is the one that calls go to.'),
  lastVersion: orNull(integer('The newest version kept.')),
  version: orNull(ref('Version')),
  revision: integer('Grows with every change.'),
  createdAt: instant('Of its first version.'),
  updatedAt: instant('Of its last change.'),
}

const ENV = map(text('A text.'), 'Plain settings handed to the function as `env`.')

const DEPLOYED = {
  ...IDENTITY,
  version: VERSION.version,
  url: URL_PATH,
  sha256: VERSION.sha256,
  sourceBytes: VERSION.sourceBytes,
  bundleBytes: VERSION.bundleBytes,
  style: VERSION.style,
  live: object(
    {
      moved: flag('Whether `live` points to this version now.'),
      version: integer('Where it moved.'),
      reason: text('Why it did not move.'),
      targets: TARGETS,
    },
    ['version', 'reason', 'targets'],
  ),
  settings: object({ ...LIMITS, env: ENV, ...OF_THE_FUNCTION }),
  report: object({
    buildMs: number('Bundling; 0 for code that was there already.'),
    initMs: number('Making the sandbox and running the module’s top level.'),
    cpuMs: number('CPU of that.'),
    heapMb: number('Heap after it.'),
    coldStartMs: number('What a first call will wait for.'),
  }),
  warnings: list(text('`file:line:column: text`.'), 'What is worth a look.'),
  hint: text('What to do while nothing is live.'),
}

export const FUNCTION_SCHEMAS: Readonly<Record<string, Schema>> = {
  Settings: SETTINGS_SCHEMA,
  Version: object(VERSION),
  Function: object(FUNCTION),
  FunctionWithEnv: object({ ...FUNCTION, env: ENV, deployed: ref('Deployed') }, ['env', 'deployed']),
  Versions: object({
    name: IDENTITY.name,
    versions: list(object({ ...VERSION, aliases: list(name('An alias'), 'The aliases that point to it.') }), 'Newest first.'),
  }),
  Deployed: object(DEPLOYED, ['hint']),
  Alias: object({ alias: name('The alias'), targets: TARGETS }),
  AliasTarget: {
    oneOf: [
      object({ version: integer('All calls go to this version.') }),
      object({ weights: map(number('Relative to the others.', { exclusiveMinimum: 0, maximum: 1_000_000 }), 'By version; 1 to 20 of them.') }),
    ],
  },
}
