import { describe, expect, it } from 'vitest'
import { redisMissing, wantsRedis } from '../../../infra/setup/redis-wanted.mjs'

describe('a Redis server of our own', () => {
  it('is wanted by a start that was given none', () => {
    expect(wantsRedis('start', {})).toBe(true)
    expect(wantsRedis('start', { REDIS_URL: '' })).toBe(true)
    expect(wantsRedis('start', { ISOLANE_ROLES: 'gateway,controller,worker' })).toBe(true)
  })

  it('is not wanted beside REDIS_URL or by a worker alone', () => {
    expect(wantsRedis('start', { REDIS_URL: 'redis://host:6379' })).toBe(false)
    expect(wantsRedis('start', { ISOLANE_ROLES: 'worker' })).toBe(false)
  })

  it('is wanted by every test run, which must not touch the one of whoever runs it', () => {
    expect(wantsRedis('test', { REDIS_URL: 'redis://host:6379' })).toBe(true)
  })
})

describe('the message when there is none', () => {
  const situation = { command: 'start', byHand: 'sudo apk add redis', tooOld: [], failure: undefined }

  it('names the three ways out', () => {
    const message = redisMissing(situation)
    expect(message).toContain('sudo apk add redis')
    expect(message).toContain('docker compose up -d redis')
    expect(message).toContain('REDIS_URL=redis://localhost:6379 npm start')
  })

  it('names what was found and passed over', () => {
    expect(redisMissing({ ...situation, tooOld: ['/usr/bin/redis-server is Redis 6.0.16'] })).toContain(
      '(/usr/bin/redis-server is Redis 6.0.16: too old)',
    )
  })

  it('repeats the last words of a package manager that failed', () => {
    const message = redisMissing({ ...situation, failure: 'one\ntwo\nthree\nfour\nfive\nsix\n' })
    expect(message).toContain('  six')
    expect(message).not.toContain('  one')
  })

  it('offers a test run only what helps it', () => {
    expect(redisMissing({ ...situation, command: 'test' })).not.toContain('REDIS_URL')
  })

  it('stays useful on a system whose package manager is unknown', () => {
    expect(redisMissing({ ...situation, byHand: undefined })).toContain('valkey or redis')
  })
})
