import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sealSecret } from '../../../runtime/contract/sealed-secret.ts'
import { parseSecretsKey, type SecretsKey } from '../../../runtime/contract/secrets-key.ts'
import { FunctionSecrets } from '../../../runtime/worker/function-secrets.ts'

const KEY_TEXT = randomBytes(32).toString('hex')
const KEY = parseSecretsKey(KEY_TEXT) as SecretsKey
const CALL = { tenant: 'acme', name: 'shop' }

/** A store whose answers come when the test says so. `dataDir`: where the key lies, which is a setting otherwise. */
function world(dataDir?: string) {
  const asked: { key: string; answer: (texts: Record<string, string>) => void }[] = []
  const seal = (name: string, text: string) => sealSecret(KEY, { tenant: 'acme', functionName: 'shop', name }, text)
  const readHash = (key: string) =>
    new Promise<Record<string, string>>((resolve) =>
      asked.push({ key, answer: (texts) => resolve(Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, seal(name, text)]))) }),
    )
  return {
    asked,
    secrets: new FunctionSecrets({ secretsKey: dataDir === undefined ? KEY : undefined, dataDir: dataDir ?? '/nonexistent', readHash }),
  }
}

test('a function that never had secrets needs none and is never looked up', () => {
  const { asked, secrets } = world()
  expect(secrets.hear(CALL)).toBe(false)
  expect(secrets.areCurrent(CALL, undefined)).toBe(true)
  expect(asked).toEqual([])
})

test('sandboxes are old at the first call with a newer revision, and only then', () => {
  const { secrets } = world()
  expect([4, 4, 7, 5, 7].map((revision) => secrets.hear({ ...CALL, secrets: revision }))).toEqual([true, false, true, false, false])
  expect(secrets.hear({ ...CALL, tenant: 'other', secrets: 2 })).toBe(true)
})

test('what was read holds for calls up to its revision', async () => {
  const { asked, secrets } = world()
  const call = { ...CALL, secrets: 4 }
  secrets.hear(call)
  expect(secrets.areCurrent(call, undefined)).toBe(false)
  const reading = secrets.read(call)
  expect(asked[0]?.key).toBe('isolane:secrets:acme/shop')
  asked[0]?.answer({ A: 'one', B: 'two' })
  const opened = await reading
  expect(opened).toEqual({ revision: 4, values: { A: 'one', B: 'two' } })
  expect(secrets.areCurrent(call, opened)).toBe(true)
  secrets.hear({ ...CALL, secrets: 5 })
  expect(secrets.areCurrent(call, opened)).toBe(false)
})

test('a call from before a change opens no sandbox with what was there before, once the change is known', () => {
  const { secrets } = world()
  secrets.hear({ ...CALL, secrets: 5 })
  expect(secrets.areCurrent({ ...CALL, secrets: 4 }, { revision: 4, values: {} })).toBe(false)
  expect(secrets.areCurrent(CALL, undefined)).toBe(false)
})

test('many who wait read once; a change while they wait makes those after it read again', async () => {
  const { asked, secrets } = world()
  const call = { ...CALL, secrets: 1 }
  secrets.hear(call)
  const first = [secrets.read(call), secrets.read(call)]
  expect(asked.length).toBe(1)
  const newer = { ...CALL, secrets: 2 }
  secrets.hear(newer)
  const second = secrets.read(newer)
  expect(asked.length).toBe(2)
  asked[1]?.answer({ A: 'new' })
  asked[0]?.answer({ A: 'old' })
  expect((await Promise.all(first)).map(({ revision }) => revision)).toEqual([1, 1])
  expect(await second).toEqual({ revision: 2, values: { A: 'new' } })
  expect(secrets.areCurrent(call, await first[0])).toBe(false)
})

test('without the setting, the key is the one in the data directory; without that, the error says what to set', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'isolane-key-'))
  try {
    const { asked, secrets } = world(dataDir)
    const read = async () => {
      const reading = secrets.read({ ...CALL, secrets: 1 })
      asked.pop()?.answer({ A: 'one' })
      return await reading
    }
    await expect(read()).rejects.toThrow(/secrets-key \(ENOENT\): set ISOLANE_SECRETS_KEY to the one the gateway has/)
    await writeFile(join(dataDir, 'secrets-key'), 'no key')
    await expect(read()).rejects.toThrow('secrets-key: wanted 32 bytes, as 64 hex digits or as base64')
    await writeFile(join(dataDir, 'secrets-key'), `${KEY_TEXT}\n`)
    expect((await read()).values).toEqual({ A: 'one' })
  } finally {
    await rm(dataDir, { recursive: true })
  }
})
