/**
 * What a test finds beside a function's own globals, in two scripts around testharness.js. `$0` takes the
 * result as JSON; then come the test's path, its query and its origin.
 */
export const BEFORE_HARNESS = `
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false }
`

/** Runs after testharness.js, which takes a shell for its home when there is no worker scope and no document. */
export const AFTER_HARNESS = `
  const [report, path, query, origin] = [$0, $1, $2, $3]
  const { URL, Response, Headers } = globalThis
  const location = new URL(origin + '/' + path + query)
  globalThis.location = {
    href: location.href, origin, protocol: 'https:', host: location.host, hostname: location.hostname, port: '',
    pathname: location.pathname, search: location.search, hash: '', toString: () => location.href,
  }
  globalThis.isSecureContext = true

  // A function has no base URL; the tests take their own address for one.
  const ownFetch = globalThis.fetch
  const absolute = (input) => new URL(String(input), location).href
  globalThis.fetch = async (input, init) => ownFetch(input instanceof globalThis.Request ? input : absolute(input), init)
  if (path.startsWith('fetch/')) {
    const { Request } = globalThis
    globalThis.Request = new Proxy(Request, {
      construct: (target, [input, ...rest], newTarget) =>
        Reflect.construct(target, input === undefined && rest.length === 0 ? [] : [input instanceof Request ? input : absolute(input), ...rest], newTarget),
    })
    Request.prototype.constructor = globalThis.Request
    const redirect = Response.redirect
    Response.redirect = (url, ...rest) => redirect(absolute(url), ...rest)
  }

  setup({ explicit_done: true })
  add_completion_callback((tests, { status, message }) => {
    const STATUS = ['pass', 'fail', 'timeout', 'notrun', 'precondition']
    report(JSON.stringify({
      harness: status === 0 ? undefined : ['', 'error', 'timeout', 'precondition'][status] + ': ' + String(message).slice(0, 300),
      subtests: tests.map((test) => ({ name: test.name, status: STATUS[test.status], message: test.message === null ? '' : String(test.message).slice(0, 300) })),
    }))
  })
`
