import { EgressBlocked } from '../egress/egress-blocked.ts'
import { HostError } from './operation.ts'

/** What the function is told of a request to `host` that came to nothing: the reason in words, nothing of the machine. */
export function fetchError(error: unknown, host: string): HostError {
  if (error instanceof HostError) return error
  const { name, code = '', syscall = '' } = error as { name?: string; code?: string; syscall?: string }
  if (name === 'TimeoutError' || isTimeout(code)) return new HostError('TimeoutError', `fetch timed out: ${timedOut(code, host)}`)
  if (name === 'HTTPParserError') return new HostError('TypeError', `fetch failed: ${host} does not speak HTTP here`)
  return new HostError('TypeError', `fetch failed: ${error instanceof EgressBlocked ? error.message : reason(code, syscall, host)}`)
}

function isTimeout(code: string): boolean {
  return code === 'ETIMEOUT' || code === 'ETIMEDOUT' || /^UND_ERR_(HEADERS|BODY|CONNECT)_TIMEOUT$/.test(code)
}

function timedOut(code: string, host: string): string {
  if (code === 'ETIMEOUT') return `nobody answered what ${host} resolves to`
  if (code === 'UND_ERR_HEADERS_TIMEOUT') return `${host} sent no answer`
  if (code === 'UND_ERR_BODY_TIMEOUT') return `${host} stopped in the middle of its answer`
  return `no connection to ${host}`
}

const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME'])

function reason(code: string, syscall: string, host: string): string {
  // A name server that refuses is not the host.
  const isAsking = syscall.startsWith('query') && !NO_SUCH_NAME.has(code)
  if (isAsking || code === 'EAI_AGAIN') return `the name ${host} cannot be resolved now`
  if (NO_SUCH_NAME.has(code)) return `the name ${host} does not resolve`
  switch (code) {
    case 'ECONNREFUSED':
      return `${host} refused the connection`
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return `there is no way to ${host}`
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
    case 'UND_ERR_CLOSED':
    case 'UND_ERR_DESTROYED':
      return `${host} closed the connection`
    case 'UND_ERR_HEADERS_OVERFLOW':
      return `the head of the answer of ${host} is too large`
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return `${host} sent another number of bytes than it announced`
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO|^ERR_TLS/.test(code)) return `${host} has no certificate that can be trusted (${code})`
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) return `${host} does not speak TLS here`
  return `the request to ${host} broke off${code === '' ? '' : ` (${code})`}`
}
