import { rmdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SERVER_ROLES } from '../../../platform/redis/server-arguments.ts'
import { chooseSocketFolder, fitsSockets, LONGEST_SOCKET_PATH_BYTES, socketPath } from '../../../platform/redis/socket-folder.ts'

describe('where the sockets go', () => {
  it('fits every socket of a folder that is said to fit, counted in bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 120 }), (name) => {
        const folder = `/${name}`
        const longest = Math.max(...SERVER_ROLES.map((role) => Buffer.byteLength(`${folder}/${role}.sock`)))
        expect(fitsSockets(folder)).toBe(longest <= LONGEST_SOCKET_PATH_BYTES)
      }),
    )
  })

  it('is the data directory where that fits', () => {
    expect(chooseSocketFolder('/data/redis')).toEqual({ path: '/data/redis', isTemporary: false })
  })

  it('is a new folder each time where it does not', () => {
    const long = `/${'x'.repeat(100)}`
    const chosen = [chooseSocketFolder(long), chooseSocketFolder(long)]
    for (const { path } of chosen) rmdirSync(path)
    expect(chosen.every(({ path, isTemporary }) => isTemporary && socketPath(path, 'store').length <= LONGEST_SOCKET_PATH_BYTES)).toBe(true)
    expect(chosen[0]?.path).not.toBe(chosen[1]?.path)
  })
})
