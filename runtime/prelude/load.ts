import type { LoadSpec } from '../contract/messages.ts'
import { type Call, endCall } from './call.ts'
import type { FunctionInfo } from './context.ts'
import { seedRandom } from './crypto-random.ts'
import { createEnv } from './env.ts'
import type { List } from './list.ts'
import { type AnyFunction, jsonParse, jsonStringify, numberToString, objectHasOwn, reflectApply, SafeError } from './primordials.ts'
import { hasGlobalListener } from './report-error.ts'
import { type Handler, type Resolution, resolveHandler } from './styles.ts'
import { cut, toText } from './text.ts'
import { errorText, thrownErrorText } from './thrown-error.ts'
import { dropTimers } from './timers.ts'
import { postAnswer } from './wall.ts'

export interface LoadedFunction {
  readonly handler: Handler
  readonly info: FunctionInfo
}

/** Runs the module's top level and finds its handler. Answers `loaded` or `failed`; `undefined` when it failed. */
export function load(call: Call, specText: string, seed: ArrayBuffer, module: unknown): LoadedFunction | undefined {
  const spec = jsonParse(specText) as LoadSpec
  seedRandom(seed)
  const resolution = runModule(call, spec, module)
  // Timers of a module's top level belong to no invocation: they end with the load.
  const mayAnswer = endCall(call)
  dropTimers(call)
  if (resolution === undefined || !mayAnswer) return undefined
  if (resolution.kind === 'none') {
    postAnswer('failed', call.number, errorText('NoHandler', resolution.message, ''))
    return undefined
  }
  postAnswer('loaded', call.number, loadReport(resolution))
  const env = createEnv(spec.env)
  return { handler: resolution.handler, info: { name: spec.name, version: numberToString(spec.version), env } }
}

function runModule(call: Call, spec: LoadSpec, run: unknown): Resolution | undefined {
  try {
    const module = { exports: {} as unknown }
    reflectApply(run as AnyFunction, module.exports, [module, module.exports, require])
    // JSON.parse made `spec`, so a style it does not have could come from Object.prototype.
    const forced = objectHasOwn(spec, 'style') ? spec.style : undefined
    return resolveHandler(module.exports, forced, hasGlobalListener())
  } catch (error) {
    if (endCall(call)) postAnswer('failed', call.number, thrownErrorText(error))
    return undefined
  }
}

function require(name: unknown): never {
  throw new SafeError(`Cannot find module '${cut(toText(name), 200)}': everything a function uses must be bundled into it`)
}

function loadReport({ handler, exports, warning }: Resolution & { kind: 'found' }): string {
  return `{"style":"${handler.style}","exports":${namesText(exports)}${warning === undefined ? '' : `,"warning":${jsonStringify(warning)}`}}`
}

function namesText(names: List<string>): string {
  let text = '['
  for (let at = 0; at < names.length; at++) text += `${at === 0 ? '' : ','}${jsonStringify(names[at])}`
  return `${text}]`
}
