import { isToken } from './header-list.ts'
import { jsonStringify, SafeTypeError, stringToUpperCase } from './primordials.ts'
import { toText, toUsvText } from './text.ts'
import { URL } from './url.ts'

export function toAbsoluteUrl(input: unknown): string {
  const url = new URL(toUsvText(input))
  if (url.username !== '' || url.password !== '') throw new SafeTypeError('Cannot make a Request: its URL has a user name or password in it')
  return url.href
}

export function toMethod(value: unknown): string {
  const method = toText(value)
  if (!isToken(method)) throw new SafeTypeError(`Cannot make a Request: ${jsonStringify(method)} is not a method`)
  const upper = stringToUpperCase(method)
  switch (upper) {
    case 'CONNECT':
    case 'TRACE':
    case 'TRACK':
      throw new SafeTypeError(`Cannot make a Request: the method ${upper} is not allowed`)
    case 'DELETE':
    case 'GET':
    case 'HEAD':
    case 'OPTIONS':
    case 'POST':
    case 'PUT':
      return upper
    default:
      return method
  }
}
