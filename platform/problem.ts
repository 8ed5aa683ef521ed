/** A stable code a program can act on; the words beside it are for people. */
export interface ProblemInit {
  readonly status: number
  readonly code: string
  /** What was being done, what was wanted, what came; and the way out where there is one. */
  readonly detail: string
  readonly retryAfterSeconds?: number
  /** Members of the document beyond RFC 9457's own, such as `errors` with file, line and column. */
  readonly extra?: Readonly<Record<string, unknown>>
}

/** An answer of the platform's own that is not a success: RFC 9457 `application/problem+json`. */
export class Problem extends Error {
  readonly init: ProblemInit

  constructor(init: ProblemInit) {
    super(init.detail)
    this.name = 'Problem'
    this.init = init
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Key needed',
  402: 'Budget spent',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Took too long to come',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Cannot be processed',
  429: 'Too many requests',
  500: 'Platform error',
  501: 'Not supported',
  502: 'Function failed',
  503: 'Not available now',
  504: 'Function took too long',
  508: 'Calls in a ring',
}

export function problemResponse(init: ProblemInit, more: Readonly<Record<string, string>> = {}): Response {
  const headers: Record<string, string> = { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...more }
  if (init.status === 401) headers['www-authenticate'] = 'Bearer realm="isolane"'
  if (init.retryAfterSeconds !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(init.retryAfterSeconds)))
  const document = {
    type: `urn:isolane:problem:${init.code}`,
    title: TITLES[init.status] ?? 'Problem',
    status: init.status,
    code: init.code,
    detail: init.detail,
    ...init.extra,
  }
  return new Response(`${JSON.stringify(document)}\n`, { status: init.status, headers })
}
