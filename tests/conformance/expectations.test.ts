import { describe, expect, test } from 'vitest'
import { AREAS } from './areas.ts'
import { readSources } from './bring-from-debian.ts'
import { type Expectations, readExpectations, surprises, UNEXPLAINED, updated, WHOLE_FILE } from './expectations.ts'
import { reachesItsRate, tableOf } from './table.ts'
import { variantsOf } from './test-file.ts'
import type { FileResult } from './test-isolate.ts'

const file = (...subtests: readonly [name: string, status: 'pass' | 'fail'][]): FileResult => ({
  subtests: subtests.map(([name, status]) => ({ name, status, message: '' })),
})
const results = new Map([['a.any.js', file(['good', 'pass'], ['bad', 'fail'], ['new', 'fail'])]])
const expecting = (...names: string[]): Expectations => ({ notApplicable: [], failing: [{ reason: 'because', subtests: { 'a.any.js': names } }] })

describe('expectations', () => {
  test('a failure that is not listed, and a listed one that passes, are surprises', () => {
    expect(surprises(expecting('bad', 'good'), results)).toEqual([
      { file: 'a.any.js', name: 'new', kind: 'fails' },
      { file: 'a.any.js', name: 'good', kind: 'passes' },
    ])
    expect(surprises(expecting('bad', 'new'), results)).toEqual([])
  })

  test('a listed failure without a reason is a surprise too', () => {
    const unexplained = { notApplicable: [], failing: [{ reason: UNEXPLAINED, subtests: { 'a.any.js': ['bad', 'new'] } }] }
    expect(surprises(unexplained, results).map(({ kind }) => kind)).toEqual(['unexplained', 'unexplained'])
  })

  test("a file's own failure is listed under a name of its own", () => {
    expect(surprises(expecting(), new Map([['a.any.js', { subtests: [], harness: 'timeout' }]]))).toEqual([
      { file: 'a.any.js', name: WHOLE_FILE, kind: 'fails' },
    ])
  })

  test('an update keeps reasons, drops what passes and leaves what is new unexplained; files that were not run stay', () => {
    const before: Expectations = {
      notApplicable: [],
      failing: [{ reason: 'because', subtests: { 'a.any.js': ['bad', 'good'], 'z.any.js': ['other'] } }],
    }
    expect(updated(before, results)).toEqual({
      notApplicable: [],
      failing: [
        { reason: 'because', subtests: { 'a.any.js': ['bad'], 'z.any.js': ['other'] } },
        { reason: UNEXPLAINED, subtests: { 'a.any.js': ['new'] } },
      ],
    })
  })

  test('every group that is committed has a reason', () => {
    const groups = AREAS.map(({ name }) => readExpectations(name)).flatMap((one) => [
      ...one.notApplicable,
      ...(one.notApplicableSubtests ?? []),
      ...one.failing,
    ])
    expect(groups.filter(({ reason }) => reason.length < 10)).toEqual([])
  })
})

describe('test files', () => {
  test('their META lines are read: variants, scripts, and what they are for', () => {
    const source =
      '// META: script=/common/sab.js\n// META: script=util.js\n// META: variant=?a\n// META: variant=?b\n// META: global=window,worker\n'
    const common = { path: 'url/x.any.js', scripts: ['common/sab.js', 'url/util.js'], notForUs: undefined }
    expect(variantsOf('url/x.any.js', source)).toEqual([
      { ...common, id: 'url/x.any.js?a', query: '?a' },
      { ...common, id: 'url/x.any.js?b', query: '?b' },
    ])
  })

  test.each([
    ['a/idlharness.any.js', ''],
    ['a/b.tentative.any.js', ''],
    ['a/b.sub.any.js', ''],
    ['a/b.any.js', '// META: global=window'],
    ['a/b.any.js', '// META: global=shadowrealm'],
  ])('%s with "%s" is not for us, and says why', (path, source) => {
    expect(variantsOf(path, source)[0]?.notForUs).toMatch(/\w+ \w+/)
  })

  test.each(['window,worker', 'dedicatedworker', '!default,dedicatedworker'])('META global=%s is for us', (globals) => {
    expect(variantsOf('a/b.any.js', `// META: global=${globals}`)[0]?.notForUs).toBeUndefined()
  })
})

test("an index of source packages gives Node's main archive with its checksum", () => {
  const sum = 'a'.repeat(64)
  const index = `Package: other\nVersion: 1\n\nPackage: nodejs\nVersion: 24.1.0+dfsg-1\nDirectory: pool/main/n/nodejs\nChecksums-Sha256:\n ${sum} 12 nodejs_24.1.0+dfsg.orig-types.tar.xz\n ${sum} 34 nodejs_24.1.0+dfsg.orig.tar.xz\n`
  expect(readSources(index, 'http://mirror.test/debian')).toEqual([
    { url: 'http://mirror.test/debian/pool/main/n/nodejs/nodejs_24.1.0+dfsg.orig.tar.xz', version: '24.1.0+dfsg-1', sha256: sum },
  ])
})

test('the table rounds down, and says so when a rate is not reached', () => {
  const run = {
    area: { name: 'x', paths: [], required: 0.99 },
    expectations: expecting(),
    results,
    counts: { files: 1, leftOut: 2, subtests: 10_000, subtestsLeftOut: 3, passed: 9_899 },
  }
  expect(reachesItsRate(run)).toBe(false)
  expect(tableOf([run], ['here'], '2026-01-02')).toContain('| x | 1 | 2 | 10000 | 3 | 9899 | 98.9 % | 99 % | **not reached** |')
})
