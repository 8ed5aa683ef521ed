import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { secretsKeyPath } from '../../runtime/contract/secrets.ts'
import type { SecretsKey } from '../../runtime/contract/secrets-key.ts'
import { parseSecretsKey, SECRETS_KEY_BYTES, SECRETS_KEY_WANTED } from '../../runtime/contract/secrets-key.ts'
import { readOrCreateKeyFile } from './key-file.ts'

/**
 * The key in the data directory, made at the first start. Safe to run in several processes at once. Its owner alone can read
 * it; in a data directory that is setgid, which users share through its group (containers), so can the group: a worker there is
 * another user.
 *
 * @throws Error when the file is there and holds no key
 */
export async function ensureSecretsKey(dataDir: string): Promise<SecretsKey> {
  const path = secretsKeyPath(dataDir)
  const isShared = ((await stat(dataDir)).mode & 0o2000) !== 0
  const text = await readOrCreateKeyFile(path, () => randomBytes(SECRETS_KEY_BYTES).toString('base64'), isShared ? 0o640 : 0o600)
  const key = parseSecretsKey(text)
  if (key) return key
  throw new Error(
    `Cannot use ${path}: wanted ${SECRETS_KEY_WANTED}. Put the former key back; if it is lost, remove the file, and set every secret again`,
  )
}
