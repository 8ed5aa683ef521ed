import { expect, test } from 'vitest'
import { audit, type Evidence } from './audit.ts'
import type { CallRecord } from './calls.ts'
import type { Struck } from './troubles.ts'

const AT = Date.UTC(2026, 0, 2)
const ID = `${AT.toString(16)
  .padStart(12, '0')
  .replace(/^(.{8})/, '$1-')}-7000-8000-000000000000`

function call(changes: Partial<CallRecord> = {}): CallRecord {
  const when = { startedAt: AT, endedAt: AT + 50 }
  return { kind: 'rpc', ...when, ending: 'answered', status: 200, code: undefined, detail: undefined, id: ID, outcome: 'returned', ...changes }
}

const record = (attempt = 1) => ({ id: ID, attempt, function: 'writes', trigger: 'rpc', outcome: 'returned', acceptedAt: AT })

/** One call that went well, and nothing else. */
function evidence(changes: Partial<Evidence> = {}): Evidence {
  const nothing = { struck: [], recoveries: [], events: new Map(), leftInLane: [], orphans: [] }
  return { ...nothing, calls: [call()], usage: [record()], entered: new Map([[ID, 1]]), ...changes }
}

const broken = (changes: Partial<Evidence> = {}) => audit(evidence(changes)).flatMap(({ claim, broken }) => (broken.length > 0 ? [claim] : []))
const excused = (changes: Partial<Evidence>) => audit(evidence(changes)).flatMap(({ claim, excused }) => (excused.length > 0 ? [claim] : []))
const struck = (name: Struck['name'], at: number): Struck[] => [{ name, at, over: at + 500 }]

test('an uneventful story breaks no claim', () => {
  expect(broken()).toEqual([])
})

test.each([
  ['every accepted call is on record, each attempt once', { usage: [], entered: new Map() }],
  ['every accepted call is on record, each attempt once', { usage: [record(), record()] }],
  ['every accepted call is on record, each attempt once', { usage: [record(2)] }],
  ['every invocation that ran is on record', { calls: [], usage: [] }],
  ['no attempt ran twice', { entered: new Map([[ID, 2]]) }],
  ['every event that was taken is done', { events: new Map([[ID, 'dead']]) }],
  ['every answer says what happened', { calls: [call({ status: 500, code: 'internal' })] }],
  ['every answer says what happened', { calls: [call({ ending: 'hung' })] }],
  ['all gateways answer within 15 s', { struck: struck('kill -9 a worker', AT), recoveries: [undefined] }],
  ['the lane is empty and its capacity whole', { leftInLane: ['inFlight is 1'] }],
  ['no process is left behind', { orphans: ['1 init'] }],
] satisfies [string, Partial<Evidence>][])('"%s" can be broken (%#)', (claim, changes) => {
  expect(broken(changes)).toEqual([claim])
})

test('what settled within two seconds before the lane’s Redis was killed may be missing, and only that', () => {
  const forgotten = { usage: [], entered: new Map() }
  expect(excused({ ...forgotten, struck: struck('kill -9 the lane’s Redis', AT + 2_000), recoveries: [0] })).toHaveLength(1)
  expect(broken({ ...forgotten, struck: struck('kill -9 the lane’s Redis', AT + 2_100), recoveries: [0] })).toHaveLength(1)
  expect(broken({ ...forgotten, struck: struck('kill -9 the store’s Redis', AT + 1_000), recoveries: [0] })).toHaveLength(1)
})
