/** Fields between two hops, and those the gateway writes itself. */
const NOT_PASSED_ON = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'x-forwarded-prefix',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
])

/** However it is dressed up: a key that was sent here in error is no less a key. */
const PLATFORM_KEY = /isl_[\w-]{8}/

/** Whether a function gets to see this header field. Whatever carried a platform key stays here. `name`: lower case. */
export function isPassedOn(name: string, value: string): boolean {
  return !NOT_PASSED_ON.has(name) && !name.startsWith('isolane-') && !(name === 'authorization' && PLATFORM_KEY.test(value))
}
