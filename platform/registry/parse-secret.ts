import { MAX_SECRET_NAME_CHARS } from '../../runtime/contract/secrets.ts'
import { ENV_NAME, RESERVED_ENV_NAME } from './parse-settings.ts'

/** A secret came with a name or a text it cannot have. The message never has the text. */
export class SecretError extends RangeError {
  readonly field: 'name' | 'text'

  constructor(field: 'name' | 'text', problem: string) {
    super(`Cannot set this secret: ${problem}`)
    this.name = 'SecretError'
    this.field = field
  }
}

/** @throws SecretError; it does not repeat the name: whoever mixes up the two would read his secret there */
export function parseSecretName(name: string): string {
  if (name === RESERVED_ENV_NAME) throw new SecretError('name', `the name ${RESERVED_ENV_NAME} is reserved for the key-value store`)
  if (ENV_NAME.test(name) && name.length <= MAX_SECRET_NAME_CHARS) return name
  throw new SecretError(
    'name',
    `wanted a name of an upper-case letter followed by A-Z, 0-9 and "_", at most ${MAX_SECRET_NAME_CHARS} characters, got ${name.length} that are not`,
  )
}

/**
 * The text exactly as it came, a line break at its end included.
 *
 * @throws SecretError
 */
export function parseSecretText(body: Buffer): string {
  if (body.length === 0) throw new SecretError('text', 'the body is empty. DELETE removes a secret')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body)
  } catch {
    throw new SecretError('text', 'the body is not UTF-8 text. Send bytes as base64, for the function to decode')
  }
}
