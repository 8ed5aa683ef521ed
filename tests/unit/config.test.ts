import { expect, test } from 'vitest'
import { readConfig } from '../../platform/config.ts'
import { memoryBudgetMb, readWorkerConfig } from '../../runtime/config.ts'

test('an empty environment gives the defaults of the README', () => {
  expect(readConfig({}, 4)).toMatchObject({
    host: '127.0.0.1',
    port: 8080,
    metricsPort: 9464,
    minWorkers: 1,
    maxWorkers: 4,
    logLevel: 'warn',
    redisUrl: undefined,
  })
  expect([...readConfig({}, 4).roles]).toEqual(['gateway', 'controller', 'worker'])
})

test.each([
  ['ISOLANE_PORT', '80a', 'an integer from 0 to 65535'],
  ['ISOLANE_PORT', '70000', 'an integer from 0 to 65535'],
  ['ISOLANE_MIN_WORKERS', '-1', 'an integer from 0 to 256'],
  ['ISOLANE_MAX_WORKERS', '0', 'an integer from 1 to 256'],
  ['ISOLANE_LOG_LEVEL', 'loud', 'one of trace, debug'],
  ['ISOLANE_ROLES', 'gateway,cook', 'one or more of gateway, controller, worker'],
  ['REDIS_URL', 'localhost:6379', 'redis://host:port'],
  ['ISOLANE_EGRESS_ALLOW', 'http://localhost', 'ranges (10.0.0.0/8'],
])('%s=%s is refused with the name, what is allowed and what came', (name, value, allowed) => {
  const start = () => readConfig({ [name]: value }, 2)
  expect(start).toThrow(name)
  expect(start).toThrow(allowed)
  expect(start).toThrow(JSON.stringify(value))
})

test('what is opened to functions is opened to callbacks: platform and worker read the same', () => {
  const env = { REDIS_URL: '/tmp/r', ISOLANE_EGRESS_ALLOW: '127.0.0.1:9000, localhost' }
  expect(readConfig(env, 2).egressAllow).toEqual(readWorkerConfig(env, 1).egressAllow)
  expect(readConfig({}, 2).egressAllow).toEqual([])
})

test('everything that is wrong is said at once', () => {
  const start = () => readConfig({ ISOLANE_PORT: 'x', ISOLANE_LOG_LEVEL: 'y' }, 2)
  expect(start).toThrow('ISOLANE_PORT')
  expect(start).toThrow('ISOLANE_LOG_LEVEL')
})

test('more workers at least than at most is refused', () => {
  expect(() => readConfig({ ISOLANE_MIN_WORKERS: '5', ISOLANE_MAX_WORKERS: '2' }, 2)).toThrow('current values are 5 and 2')
})

test('an empty value is as good as none', () => {
  expect(readConfig({ ISOLANE_PORT: '', REDIS_URL: '' }, 2)).toMatchObject({ port: 8080, redisUrl: undefined })
})

test('a role left out needs a Redis to meet the others in', () => {
  expect(() => readConfig({ ISOLANE_ROLES: 'gateway' }, 2)).toThrow('REDIS_URL must be set')
  expect(readConfig({ ISOLANE_ROLES: 'gateway', REDIS_URL: 'redis://r' }, 2).roles).toEqual(new Set(['gateway']))
})

test('an admin key too short to be one is refused without being repeated', () => {
  expect(() => readConfig({ ISOLANE_ADMIN_KEY: 'short' }, 2)).toThrow(/^(?![\s\S]*"short")[\s\S]*ISOLANE_ADMIN_KEY/)
})

test('a key for secrets that is none is refused without being repeated, by the platform and by a worker', () => {
  const env = { ISOLANE_SECRETS_KEY: 'half a key', REDIS_URL: '/tmp/r' }
  for (const start of [() => readConfig(env, 2), () => readWorkerConfig(env, 1)]) {
    expect(start).toThrow('ISOLANE_SECRETS_KEY must be 32 bytes, as 64 hex digits or as base64')
    expect(start).not.toThrow('half a key')
  }
  const good = { ...env, ISOLANE_SECRETS_KEY: 'ab'.repeat(32) }
  expect(readConfig(good, 2).secretsKey?.id).toBe(readWorkerConfig(good, 1).secretsKey?.id)
  expect(readConfig({}, 2).secretsKey).toBeUndefined()
})

test('a worker without a lane says what it needs', () => {
  expect(() => readWorkerConfig({}, 1)).toThrow('REDIS_URL must be the Redis that gateway and controller use too')
})

test('lanes share the cores unless told otherwise, and each has its own bounds', () => {
  expect(readConfig({}, 4).lanes).toEqual([{ name: 'main', url: undefined }])
  expect(readConfig({ ISOLANE_LANES: 'main,b,c' }, 8)).toMatchObject({ minWorkers: 1, maxWorkers: 2 })
  expect(readConfig({ ISOLANE_LANES: 'main,b,c' }, 2)).toMatchObject({ minWorkers: 1, maxWorkers: 1 })
  expect(readConfig({ ISOLANE_LANES: 'main,b', ISOLANE_MAX_WORKERS: '6' }, 2)).toMatchObject({ maxWorkers: 6 })
})

test('wrong lanes end the start of platform and worker alike, and no address is repeated: it may hold a password', () => {
  const env = { REDIS_URL: '/tmp/r', ISOLANE_LANES: 'main,b=http://:hidden@there' }
  for (const start of [() => readConfig(env, 2), () => readWorkerConfig(env, 1)]) {
    expect(start).toThrow('ISOLANE_LANES must be 1 to 64 lanes')
    expect(start).toThrow('what follows "b=" is not redis://host:port')
    expect(start).not.toThrow('hidden')
  }
})

test('a worker serves the lane it is told to, where that lane is; its functions reach no Redis of the deployment', () => {
  const env = { REDIS_URL: 'redis://common', ISOLANE_STORE_URL: 'redis://store', ISOLANE_LANES: 'main,b=redis://b' }
  expect(readWorkerConfig(env, 1)).toMatchObject({ lane: 'main', laneUrl: 'redis://common', storeUrl: 'redis://store' })
  const other = readWorkerConfig({ ...env, ISOLANE_LANE: 'b' }, 1)
  expect(other).toMatchObject({ lane: 'b', laneUrl: 'redis://b', storeUrl: 'redis://store' })
  expect([...other.redisUrls].sort()).toEqual(['redis://b', 'redis://common', 'redis://store'])
  expect(() => readWorkerConfig({ ...env, ISOLANE_LANE: 'c' }, 1)).toThrow(
    'ISOLANE_LANE must be one of the lanes in ISOLANE_LANES (main, b); current value is "c"',
  )
})

test('what functions may reach is read strictly, and closed by default', () => {
  const config = (allow?: string) => readWorkerConfig({ REDIS_URL: '/tmp/r', ...(allow === undefined ? {} : { ISOLANE_EGRESS_ALLOW: allow }) }, 1)
  expect(config().egressAllow).toEqual([])
  expect(config('localhost:9000, *').egressAllow).toEqual([
    { kind: 'name', name: 'localhost', port: 9000 },
    { kind: 'everything', port: undefined },
  ])
  expect(() => config('10.0.0.1/8')).toThrow('"10.0.0.1/8" does not begin at the start of its range, which is 10.0.0.0/8')
})

test('a worker’s memory is its core’s part of six tenths of the machine, within bounds', () => {
  expect(memoryBudgetMb(8_192, 4)).toBe(1_229)
  expect(memoryBudgetMb(512, 4)).toBe(256)
  expect(memoryBudgetMb(262_144, 2)).toBe(4_096)
})
