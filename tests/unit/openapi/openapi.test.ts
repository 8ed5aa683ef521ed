import { describe, expect, test } from 'vitest'
import { RECORD_FIELDS } from '../../../platform/billing/ledger-record.ts'
import { DEFAULT_PRICE_BOOK, priceOf } from '../../../platform/billing/price.ts'
import { type OpenApiDocument, type Operation, operationsOf } from '../../../platform/openapi/document.ts'
import { OPENAPI } from '../../../platform/openapi/openapi.ts'
import { SETTING_NAMES } from '../../../platform/registry/parse-settings.ts'

interface Described {
  readonly call: string
  readonly path: string
  readonly method: string
  readonly operation: Operation
}

const operations: Described[] = Object.entries(OPENAPI.paths).flatMap(([path, item]) =>
  operationsOf(item).map(([method, operation]) => ({ call: `${method.toUpperCase()} ${path}`, path, method, operation })),
)

/** The document as a reader over HTTP gets it. */
const sent = JSON.parse(JSON.stringify(OPENAPI)) as OpenApiDocument

function everyValue(value: unknown, visit: (key: string, value: unknown) => void): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, member] of Object.entries(value)) {
    visit(key, member)
    everyValue(member, visit)
  }
}

function lookUp(pointer: string): unknown {
  return pointer
    .slice(2)
    .split('/')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], sent)
}

describe('the OpenAPI document', () => {
  test('every reference points to something', () => {
    const references: string[] = []
    everyValue(sent, (key, value) => {
      if (key === '$ref') references.push(String(value))
    })
    expect(references.length).toBeGreaterThan(20)
    expect(references.filter((pointer) => !pointer.startsWith('#/') || lookUp(pointer) === undefined)).toEqual([])
  })

  test('everything under components is pointed to', () => {
    const text = JSON.stringify(sent)
    const parts = (['schemas', 'parameters', 'headers'] as const).flatMap((kind) =>
      Object.keys(sent.components[kind]).map((name) => `#/components/${kind}/${name}`),
    )
    expect(parts.filter((pointer) => !text.includes(JSON.stringify(pointer)))).toEqual([])
  })

  test('every operation has an id of its own, a summary, a known tag and at least one answer that is no problem', () => {
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
    const tags = sent.tags.map(({ name }) => name)
    for (const { call, operation } of operations) {
      expect(operation.operationId, call).toMatch(/^[a-z][A-Za-z]+$/)
      expect(operation.summary, call).toMatch(/^[A-Z]/)
      expect(operation.tags?.every((tag) => tags.includes(tag)) && operation.tags.length, call).toBe(1)
      expect(
        Object.keys(operation.responses).some((status) => status.startsWith('2')),
        call,
      ).toBe(true)
    }
  })

  test('every answer has words and a status, problems have their content type', () => {
    for (const { call, operation } of operations) {
      for (const [status, answer] of Object.entries(operation.responses)) {
        expect(status, call).toMatch(/^([1-5]\d\d|2XX)$/)
        expect(answer.description, `${call} ${status}`).not.toBe('')
        if (Number(status) >= 400 && call !== 'GET /readyz') expect(Object.keys(answer.content ?? {}), call).toEqual(['application/problem+json'])
      }
    }
  })

  test('every part of a path that is a parameter is described, and no other', () => {
    for (const { call, path, operation } of operations) {
      const inPath = (operation.parameters ?? [])
        .map((parameter) => ('$ref' in parameter ? (lookUp(parameter.$ref) as { name: string; in: string; required?: boolean }) : parameter))
        .filter((parameter) => parameter.in === 'path')
      expect(inPath.map(({ name }) => `{${name}}`).sort(), call).toEqual((path.match(/\{\w+\}/g) ?? []).sort())
      expect(
        inPath.every(({ required }) => required === true),
        call,
      ).toBe(true)
    }
  })

  test('every way to send a key is a scheme there is', () => {
    const schemes = Object.keys(sent.components.securitySchemes)
    const named = operations.flatMap(({ operation }) => operation.security.flatMap((way) => Object.keys(way)))
    expect([...new Set(named)].sort()).toEqual(schemes.sort())
  })

  test('what is required is described', () => {
    everyValue(sent.components.schemas, (_, value) => {
      const { required, properties } = (value ?? {}) as { required?: unknown; properties?: object }
      if (Array.isArray(required)) expect(Object.keys(properties ?? {})).toEqual(expect.arrayContaining(required))
    })
  })

  test('every call has a curl example that makes this call', () => {
    for (const { call, method, path, operation } of operations) {
      const [sample] = operation['x-codeSamples']
      const [, url = ''] = /"\$URL([^"?]*)/.exec(sample?.source ?? '') ?? []
      const pattern = path.replace('/{path}', '.*').replaceAll(/\{\w+\}/g, '[^/]+')
      expect(url, call).toMatch(new RegExp(`^${pattern}$`))
      const told =
        /-X (\w+)/.exec(sample?.source ?? '')?.[1] ??
        (/ --head /.test(sample?.source ?? '') ? 'HEAD' : / -d /.test(sample?.source ?? '') ? 'POST' : 'GET')
      expect(told, call).toBe(method.toUpperCase())
      expect(sample?.source.includes('$KEY'), call).toBe(operation.security.length > 0)
    }
  })
})

describe('what the description says of', () => {
  test('settings are all settings there are, in a query and in JSON', () => {
    const inQuery = OPENAPI.paths['/v1/functions/{name}']?.put?.parameters?.flatMap((it) => ('in' in it && it.in === 'query' ? [it.name] : []))
    expect(inQuery?.sort()).toEqual([...SETTING_NAMES, 'live'].sort())
    expect(Object.keys(OPENAPI.components.schemas.Settings?.properties ?? {}).sort()).toEqual([...SETTING_NAMES].sort())
  })

  test('a usage record are the fields there are, in their order, and its example has the price it would have', () => {
    expect(Object.keys(OPENAPI.components.schemas.UsageRecord?.properties ?? {})).toEqual(RECORD_FIELDS)
    const example = OPENAPI.paths['/v1/usage/records']?.get?.responses['200']?.content?.['application/x-ndjson']?.example
    const record = JSON.parse(String(example))
    expect(Object.keys(record)).toEqual(RECORD_FIELDS.filter((field) => field !== 'limit'))
    expect([record.cost, record.priceBook]).toEqual([String(priceOf(DEFAULT_PRICE_BOOK, record)), DEFAULT_PRICE_BOOK.id])
  })
})
