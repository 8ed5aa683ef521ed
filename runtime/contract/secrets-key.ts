import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

/** What secrets are sealed with. */
export interface SecretsKey {
  /** 16 hex digits that tell keys apart and nothing of the key: every sealed secret names the one it needs. */
  readonly id: string
  /** 32 bytes. A KeyObject, because that shows none of them to a log. */
  readonly key: KeyObject
}

export const SECRETS_KEY_BYTES = 32
export const SECRETS_KEY_WANTED = `${SECRETS_KEY_BYTES} bytes, as 64 hex digits or as base64`

const HEX = /^[0-9a-f]{64}$/i
/** 43 digits have two bits more than 32 bytes: the last digit has them, as zeros. */
const BASE64 = /^[A-Za-z0-9+/_-]{42}[AEIMQUYcgkosw048]=?$/

/** Reads a key as a setting or a file has it; `undefined`: it is none. */
export function parseSecretsKey(text: string): SecretsKey | undefined {
  const trimmed = text.trim()
  if (HEX.test(trimmed)) return toSecretsKey(Buffer.from(trimmed, 'hex'))
  if (BASE64.test(trimmed)) return toSecretsKey(Buffer.from(trimmed, 'base64'))
  return undefined
}

function toSecretsKey(bytes: Buffer): SecretsKey {
  const id = createHmac('sha256', bytes).update('isolane secrets key id').digest('hex').slice(0, 16)
  return { id, key: createSecretKey(bytes) }
}
