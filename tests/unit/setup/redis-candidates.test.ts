import { describe, expect, it } from 'vitest'
import { redisCandidates } from '../../../infra/setup/redis-candidates.mjs'

describe('where a Redis server is looked for', () => {
  it('is PATH first, then the usual folders', () => {
    const paths = redisCandidates('/mine:/usr/bin').map(({ path }) => path)
    expect(paths.slice(0, 4)).toEqual(['/mine/valkey-server', '/mine/redis-server', '/usr/bin/valkey-server', '/usr/bin/redis-server'])
    expect(paths).toContain('/opt/homebrew/bin/valkey-server')
    expect(paths.filter((path) => path === '/usr/bin/redis-server')).toHaveLength(1)
  })

  it('is redis-check-rdb under another name, after every real server', () => {
    const candidates = redisCandidates('/mine')
    const firstRenamed = candidates.findIndex(({ rename }) => rename)
    expect(candidates[firstRenamed]?.path).toBe('/mine/redis-check-rdb')
    expect(candidates.slice(firstRenamed).every(({ path, rename }) => rename && path.endsWith('/redis-check-rdb'))).toBe(true)
  })

  it('is never relative to the current folder', () => {
    expect(redisCandidates(':.:bin').every(({ path }) => path.startsWith('/'))).toBe(true)
    expect(redisCandidates(undefined).length).toBeGreaterThan(0)
  })
})
