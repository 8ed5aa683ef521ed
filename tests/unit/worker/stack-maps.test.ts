import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import type { FunctionVersion } from '../../../runtime/contract/function-version.ts'
import { StackMaps } from '../../../runtime/worker/stack-maps.ts'

const PLACE = 'file:///function.js:2:1'

function version(sourceMapSha256: string | undefined): FunctionVersion {
  return { ...(sourceMapSha256 === undefined ? {} : { sourceMapSha256 }) } as FunctionVersion
}

const sha = (name: string): string => createHash('sha256').update(name).digest('hex')

/** The store, in which reads wait until they are let go. */
function store() {
  const reads: { sha256: string; answer(map: string): void; fail(error: Error): void }[] = []
  const maps = new StackMaps(
    (sha256) => new Promise((resolve, reject) => reads.push({ sha256, answer: (map) => resolve(Buffer.from(map)), fail: reject })),
  )
  const told: string[] = []
  const tell = (of: FunctionVersion, text: string): void => maps.whenKnown(of, text, (inAuthorPlaces) => told.push(inAuthorPlaces(text)))
  return { reads, told, tell }
}

const mapTo = (file: string, padding = 0): string => JSON.stringify({ version: 3, sources: [file], mappings: `;AAAA${';'.repeat(padding)}` })

/** Every step of a fetch is a turn of the event loop at most. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
}

test('a text that does not name the bundle is told at once, and nothing is fetched for it', () => {
  const { reads, told, tell } = store()
  tell(version(sha('a')), 'hello')
  tell(version(undefined), `at ${PLACE}`)
  expect([told, reads.length]).toEqual([['hello', `at ${PLACE}`], 0])
})

test('the first place has its map fetched once; what comes meanwhile keeps its order, and what comes later is told at once', async () => {
  const { reads, told, tell } = store()
  const one = version(sha('a'))
  for (const text of [`at ${PLACE}`, 'between', `again ${PLACE}`]) tell(one, text)
  tell(version(sha('b')), 'of another')
  expect([told, reads.length]).toEqual([['of another'], 1])
  reads[0]?.answer(mapTo('index.ts'))
  await settled()
  tell(one, `later ${PLACE}`)
  expect(told.slice(1)).toEqual(['at index.ts:1:1', 'between', 'again index.ts:1:1', 'later index.ts:1:1'])
  expect(reads.length).toBe(1)
})

test('without a map everything is told as it is; one that could not be fetched is asked for again, one that is no map is not', async () => {
  const { reads, told, tell } = store()
  const one = version(sha('a'))
  tell(one, PLACE)
  reads[0]?.fail(new Error('away'))
  await settled()
  tell(one, PLACE)
  expect(reads.length).toBe(2)
  reads[1]?.answer('{}')
  await settled()
  tell(one, PLACE)
  expect([told, reads.length]).toEqual([[PLACE, PLACE, PLACE], 2])
})

test('a store that does not answer holds nothing up for long', async () => {
  const { told, tell } = store()
  tell(version(sha('a')), PLACE)
  await expect.poll(() => told, { timeout: 10_000 }).toEqual([PLACE])
})

test('maps that were not asked for lately make room', async () => {
  const { reads, tell } = store()
  const megabytes = 3 * 1024 * 1024
  for (let at = 0; at < 6; at++) {
    tell(version(sha(`${at}`)), PLACE)
    reads[at]?.answer(mapTo('index.ts', megabytes))
    await settled()
    tell(version(sha('0')), PLACE)
  }
  expect(reads.map(({ sha256 }) => sha256)).toEqual(['0', '1', '2', '3', '4', '5'].map(sha))
  tell(version(sha('1')), PLACE)
  expect(reads.at(-1)?.sha256).toBe(sha('1'))
})
