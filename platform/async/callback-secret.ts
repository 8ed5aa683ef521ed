import { createHmac } from 'node:crypto'
import type { SecretsKey } from '../../runtime/contract/secrets-key.ts'

/**
 * What a tenant's callbacks are signed with: derived from the key that seals secrets, so that it is kept nowhere and every
 * process of the platform has the same.
 */
export function callbackSecret({ key }: SecretsKey, tenant: string): string {
  return `isl_cb_${createHmac('sha256', key).update(`isolane callback secret\n${tenant}`).digest('base64url')}`
}

/**
 * The field Isolane-Signature: `t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>" in hexadecimal>`. The time is signed with
 * the body, so that a receiver may refuse what is old.
 */
export function signature(secret: string, body: string, atSeconds: number): string {
  return `t=${atSeconds},v1=${createHmac('sha256', secret).update(`${atSeconds}.${body}`).digest('hex')}`
}
