import { createServices, invoke } from './invoke.ts'
import { createKv } from './kv.ts'
import { define, objectFreeze, objectSetPrototypeOf } from './primordials.ts'

/** What every handler gets as `env`: the function's settings, and what the platform offers beside them. Frozen. */
export type Env = Readonly<Record<string, unknown>>

/** `settings`: of our own making, not used elsewhere. */
export function createEnv(settings: Record<string, unknown>): Env {
  // Enumerable, as on Workers: a framework that copies env copies this too.
  define(settings, 'KV', createKv())
  define(settings, 'invoke', invoke)
  objectSetPrototypeOf(settings, createServices())
  return objectFreeze(settings)
}
