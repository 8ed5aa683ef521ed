import { SafeTypeError } from './primordials.ts'
import { toText } from './text.ts'
import { URL } from './url.ts'

/** What a Request says beside method, address, headers and body. Of these, `fetch` here heeds `redirect` alone. */
export interface RequestOptions {
  readonly mode: string
  readonly credentials: string
  readonly cache: string
  readonly redirect: string
  readonly referrer: string
  readonly referrerPolicy: string
  readonly integrity: string
  readonly keepalive: boolean
}

export const DEFAULT_OPTIONS: RequestOptions = {
  mode: 'cors',
  credentials: 'same-origin',
  cache: 'default',
  redirect: 'follow',
  referrer: 'about:client',
  referrerPolicy: '',
  integrity: '',
  keepalive: false,
}

/** As a caller may give them, before they are checked. */
export type RequestOptionsInit = { readonly [K in keyof RequestOptions | 'window' | 'priority' | 'duplex']?: unknown }

const MODES = ['navigate', 'same-origin', 'no-cors', 'cors']
const CREDENTIALS = ['omit', 'same-origin', 'include']
const CACHES = ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached']
const REDIRECTS = ['follow', 'error', 'manual']
const PRIORITIES = ['high', 'low', 'auto']
const DUPLEXES = ['half']
const REFERRER_POLICIES = [
  '',
  'no-referrer',
  'no-referrer-when-downgrade',
  'same-origin',
  'origin',
  'strict-origin',
  'origin-when-cross-origin',
  'strict-origin-when-cross-origin',
  'unsafe-url',
]

/** Checks the options of `new Request`; what is not given is as in `base`. Throws a TypeError that names the option. */
export function readRequestOptions(init: RequestOptionsInit, base: RequestOptions, method: string): RequestOptions {
  if (init.window !== undefined && init.window !== null) throw refused('window can only be null')
  const mode = oneOf('mode', init.mode, MODES) ?? base.mode
  if (mode === 'navigate') throw refused('mode cannot be navigate')
  if (mode === 'no-cors' && method !== 'GET' && method !== 'HEAD' && method !== 'POST') throw refused(`the mode no-cors does not go with ${method}`)
  const cache = oneOf('cache', init.cache, CACHES) ?? base.cache
  if (cache === 'only-if-cached' && mode !== 'same-origin') throw refused('the cache only-if-cached goes with the mode same-origin only')
  oneOf('priority', init.priority, PRIORITIES)
  oneOf('duplex', init.duplex, DUPLEXES)
  return {
    mode,
    cache,
    credentials: oneOf('credentials', init.credentials, CREDENTIALS) ?? base.credentials,
    redirect: oneOf('redirect', init.redirect, REDIRECTS) ?? base.redirect,
    referrer: init.referrer === undefined ? base.referrer : toReferrer(init.referrer),
    referrerPolicy: oneOf('referrerPolicy', init.referrerPolicy, REFERRER_POLICIES) ?? base.referrerPolicy,
    integrity: init.integrity === undefined ? base.integrity : toText(init.integrity),
    keepalive: init.keepalive === undefined ? base.keepalive : !!init.keepalive,
  }
}

/** A function has no origin, so an address is another origin's, which the standard replaces by the client. */
function toReferrer(value: unknown): string {
  const text = toText(value)
  if (text === '') return ''
  new URL(text)
  return 'about:client'
}

function oneOf(name: string, value: unknown, allowed: readonly string[]): string | undefined {
  if (value === undefined) return undefined
  const text = toText(value)
  for (let at = 0; at < allowed.length; at++) if (allowed[at] === text) return text
  throw refused(`${name} is ${text}`)
}

function refused(why: string): TypeError {
  return new SafeTypeError(`Cannot make a Request: ${why}`)
}
