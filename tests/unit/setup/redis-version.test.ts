import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseServerVersion } from '../../../infra/setup/redis-version.mjs'

describe('the version of a server', () => {
  it('is read from what Redis and Valkey print', () => {
    expect(parseServerVersion('Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c\n')).toEqual({
      name: 'Redis',
      version: '7.0.15',
      major: 7,
    })
    expect(parseServerVersion('Valkey server v=8.1.1 sha=00000000:1 malloc=libc bits=64 build=0\n')).toEqual({
      name: 'Valkey',
      version: '8.1.1',
      major: 8,
    })
    expect(parseServerVersion('Redis server v=10.2.0-rc1 sha=0\n')).toEqual({ name: 'Redis', version: '10.2.0-rc1', major: 10 })
  })

  it('is not read from another program', () => {
    expect(parseServerVersion('redis-check-rdb 7.0.15\n')).toBeUndefined()
    expect(parseServerVersion('')).toBeUndefined()
  })

  it('is what was printed, for any version', () => {
    fc.assert(
      fc.property(fc.nat(99), fc.nat(99), fc.nat(99), (major, minor, patch) => {
        const version = `${major}.${minor}.${patch}`
        expect(parseServerVersion(`Redis server v=${version} sha=0`)).toEqual({ name: 'Redis', version, major })
      }),
    )
  })
})
