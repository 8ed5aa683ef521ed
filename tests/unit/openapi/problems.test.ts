import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { operationsOf } from '../../../platform/openapi/document.ts'
import { OPENAPI } from '../../../platform/openapi/openapi.ts'
import { PROBLEMS } from '../../../platform/openapi/problems.ts'
import { sourceFiles } from '../../source-tree.ts'

const LIMITS = /type LimitName = ([^\n]+)/.exec(readFileSync('runtime/contract/outcome.ts', 'utf8'))?.[1] ?? ''

/** What follows `code:`, up to the next member; and codes handed to helpers that make a problem of them. */
const MEMBER = /\bcode: ((?:[^,}`]|`[^`]*`)+)/g
const HELPER = /\b(?:badUpload|failure)\(\s*'([a-z_]+)'/g
const TEXT = /(?<!=== |\[)'([a-z][a-z_]+)'/g
const TEMPLATE = /`([a-z_]+)\$\{[^}]*limit\}`/g

function codesIn(source: string): string[] {
  const members = [...source.matchAll(MEMBER)].map(([, value]) => value as string)
  const texts = members.flatMap((value) => [...value.matchAll(TEXT)].map(([, code]) => code as string))
  const byLimit = members.flatMap((value) =>
    [...value.matchAll(TEMPLATE)].flatMap(([, start]) => [...LIMITS.matchAll(TEXT)].map(([, limit]) => `${start}${limit}`)),
  )
  return [...texts, ...byLimit, ...[...source.matchAll(HELPER)].map(([, code]) => code as string)]
}

/** `status code` of each problem that a call may be answered with. */
const answered = Object.values(OPENAPI.paths).flatMap((item) =>
  operationsOf(item).flatMap(([, { responses }]) =>
    Object.entries(responses).flatMap(([status, { content }]) =>
      (content?.['application/problem+json']?.schema?.properties?.code?.enum ?? []).map((code) => `${status} ${code}`),
    ),
  ),
)

describe('the list of problem codes', () => {
  test('has every code the platform’s sources answer with, and none that no longer exists', () => {
    // What an event failed with is told by its status, and is no answer.
    const files = sourceFiles('platform').filter((file) => !/^platform\/(openapi|async)\//.test(file))
    const codes = files.flatMap((file) => codesIn(readFileSync(file, 'utf8')))
    expect(Object.keys(PROBLEMS).sort()).toEqual([...new Set(codes)].sort())
  })

  test('says of each code which calls answer with it, under the statuses it comes with', () => {
    const listed = Object.entries(PROBLEMS).flatMap(([code, { statuses }]) => statuses.map((status) => `${status} ${code}`))
    // Where no call is, no call can tell of it.
    expect([...new Set(answered), '404 not_found'].sort()).toEqual(listed.sort())
  })

  test('is in the description, with words for each', () => {
    const kinds = OPENAPI.components.schemas.Problem?.properties?.code?.oneOf ?? []
    expect(kinds.map((kind) => kind.const)).toEqual(Object.keys(PROBLEMS))
    expect(kinds.filter(({ description }) => !description?.endsWith('.'))).toEqual([])
  })
})

describe('how codes are read from sources', () => {
  test('texts, choices, limits and helpers are seen; other texts are not', () => {
    const source = `
      throw new Problem({ status: 400, code: 'one', detail: 'no code' })
      { status: 502, code: outcome.phase === 'init' ? 'two' : 'three', detail: \`of \${name}\` }
      return { status, code: \`over_\${outcome.limit}\`, detail: 'x' }
      throw badUpload(
        'four', 'words')
      readonly code: 'five' | 'six'
      failed(code: Failure['code'], detail: string)`
    expect(codesIn(source)).toEqual(['one', 'two', 'three', 'five', 'six', 'over_cpu', 'over_wall', 'over_memory', 'over_output', 'four'])
  })
})
