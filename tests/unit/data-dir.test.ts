import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDataDir } from '../../platform/data-dir.ts'
import { StartError } from '../../platform/start-error.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'isl-data-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the data directory', () => {
  it('is made for its owner only, and its absolute path given back', () => {
    const path = join(folder, 'a', 'b')
    expect(createDataDir(relative(process.cwd(), path))).toBe(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  it('may be there already', () => {
    expect(createDataDir(folder)).toBe(folder)
  })

  it('that is a file is refused with its path and the way out', () => {
    const path = join(folder, 'file')
    writeFileSync(path, '')
    expect(() => createDataDir(path)).toThrow(StartError)
    expect(() => createDataDir(path)).toThrow(new RegExp(`${path}: a file of that name.*ISOLANE_DATA_DIR`))
    expect(() => createDataDir(join(path, 'below'))).toThrow(/a file of that name, or on the way to it/)
  })

  it('that cannot be made for another reason is refused with that reason', () => {
    expect(() => createDataDir(join(folder, 'x'.repeat(300)))).toThrow(/Cannot use the data directory .*ENAMETOOLONG.*ISOLANE_DATA_DIR/)
  })
})
