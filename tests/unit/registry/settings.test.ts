import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SettingField } from '../../../platform/registry/parse-settings.ts'
import { parseSettings, SettingError } from '../../../platform/registry/parse-settings.ts'
import { inheritFunction, inheritVersion, limitsFor } from '../../../platform/registry/settings.ts'
import { MEMORY_MB_CHOICES } from '../../../runtime/contract/limits.ts'

const query = (name: string, value: string): SettingField => ({ name, value, from: 'query' })
const json = (name: string, value: unknown): SettingField => ({ name, value, from: 'json' })

describe('parseSettings()', () => {
  test('reads the same from a query and from JSON', () => {
    const fromQuery = [
      query('memoryMb', '256'),
      query('timeoutMs', '900000'),
      query('concurrency', '8'),
      query('style', 'event'),
      query('wasm', 'true'),
      query('env.GREETING', 'hi'),
      query('access', 'public'),
      query('maxConcurrency', '0'),
      query('idempotent', 'true'),
      query('retries', '0'),
      query('onSuccess', 'notes'),
      query('onFailure', 'alarm'),
    ]
    const fromJson = [
      json('memoryMb', 256),
      json('timeoutMs', 900_000),
      json('concurrency', 8),
      json('style', 'event'),
      json('wasm', true),
      json('env', { GREETING: 'hi' }),
      json('access', 'public'),
      json('maxConcurrency', 0),
      json('idempotent', true),
      json('retries', 0),
      json('onSuccess', 'notes'),
      json('onFailure', 'alarm'),
    ]
    expect(parseSettings(fromQuery)).toEqual(parseSettings(fromJson))
    expect(parseSettings(fromQuery)).toEqual({
      version: { memoryMb: 256, timeoutMs: 900_000, concurrency: 8, style: 'event', wasm: true, env: { GREETING: 'hi' } },
      function: { access: 'public', maxConcurrency: 0, idempotent: true, retries: 0, onSuccess: 'notes', onFailure: 'alarm' },
    })
  })

  test.each([
    [query('memoryMb', '100'), 'Cannot set memoryMb: wanted one of 64, 128, 256, 512, 1024, 2048, got 100'],
    [json('memoryMb', 100), 'Cannot set memoryMb: wanted one of 64, 128, 256, 512, 1024, 2048, got 100'],
    [query('memoryMb', ''), 'Cannot set memoryMb: wanted one of 64, 128, 256, 512, 1024, 2048, got ""'],
    [query('timeoutMs', '0'), 'Cannot set timeoutMs: wanted an integer from 1 to 900000, got "0"'],
    [query('timeoutMs', '5s'), 'Cannot set timeoutMs: wanted an integer from 1 to 900000, got "5s"'],
    [json('timeoutMs', 1.5), 'Cannot set timeoutMs: wanted an integer from 1 to 900000, got 1.5'],
    [query('concurrency', '1001'), 'Cannot set concurrency: wanted an integer from 1 to 1000, got "1001"'],
    [query('maxConcurrency', '-1'), 'Cannot set maxConcurrency: wanted an integer from 0 to 100000, got "-1"'],
    [query('style', 'express'), 'Cannot set style: wanted one of fetch, event, lambda, scheduled, got "express"'],
    [query('access', 'open'), 'Cannot set access: wanted one of private, public, got "open"'],
    [query('wasm', 'yes'), 'Cannot set wasm: wanted one of true, false, got "yes"'],
    [query('retries', '11'), 'Cannot set retries: wanted an integer from 0 to 10, got "11"'],
    [json('onFailure', 'No'), 'Cannot set onFailure: wanted the name of a function: '],
    [json('idempotent', 1), 'Cannot set idempotent: wanted one of true, false, got 1'],
    [
      query('memory', '128'),
      'Cannot set memory: no such setting, allowed are memoryMb, timeoutMs, concurrency, style, wasm, access, maxConcurrency, idempotent, retries, onSuccess, onFailure, env',
    ],
    [query('constructor', '1'), 'Cannot set constructor: no such setting, allowed are'],
    [query('__proto__', '1'), 'Cannot set __proto__: no such setting'],
    [query('env.lower', 'x'), 'Cannot set env.lower: a name is an upper-case letter followed by A-Z, 0-9 and "_"'],
    [json('env', { KV: 'x' }), 'Cannot set env.KV: the name is reserved'],
    [json('env', { N: 1 }), 'Cannot set env.N: wanted a text, got 1'],
    [json('env', ['A']), 'Cannot set env: wanted an object of names and texts in JSON'],
    [json('env', { BIG: 'x'.repeat(40_000) }), 'Cannot set env: wanted at most 32768 bytes together, got 40003'],
  ])('names the field, what it may be and what came: %o', (field, message) => {
    expect(() => parseSettings([field])).toThrow(SettingError)
    expect(() => parseSettings([field])).toThrow(message)
  })

  test.each(['API_KEY', 'APIKEY', 'KEY_ID', 'GITHUB_TOKEN', 'DB_PASSWORD', 'SECRET', 'SECRETS'])(
    'keeps %s out of addresses, but takes it in a body',
    (name) => {
      expect(() => parseSettings([query(`env.${name}`, 'x')])).toThrow(/looks like a secret/)
      expect(parseSettings([json('env', { [name]: 'x' })]).version.env).toEqual({ [name]: 'x' })
    },
  )

  test.each(['KEYBOARD', 'TOKENIZER_URL', 'SECRETARY'])('does not take %s for a secret', (name) => {
    expect(parseSettings([query(`env.${name}`, 'x')]).version.env).toEqual({ [name]: 'x' })
  })

  test('refuses a setting that is given twice, wherever', () => {
    expect(() => parseSettings([query('memoryMb', '128'), json('memoryMb', 128)])).toThrow('Cannot set memoryMb: it is given more than once')
    expect(() => parseSettings([query('env.A', '1'), json('env', { A: '1' })])).toThrow('Cannot set env.A: it is given more than once')
  })

  test('never lets an unknown value through: it is an allowed one or a SettingError', () => {
    const name = fc.constantFrom('memoryMb', 'timeoutMs', 'concurrency', 'style', 'access', 'maxConcurrency', 'idempotent', 'env', 'env.A')
    fc.assert(
      fc.property(name, fc.jsonValue(), fc.constantFrom('query' as const, 'json' as const), (field, value, from) => {
        try {
          const { version } = parseSettings([{ name: field, value, from }])
          const memoryMb = version.memoryMb ?? 128
          expect(MEMORY_MB_CHOICES).toContain(memoryMb)
          for (const text of Object.values(version.env ?? {})) expect(text === null || typeof text === 'string').toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(SettingError)
        }
      }),
    )
  })
})

describe('inheriting', () => {
  const base = { memoryMb: 512, timeoutMs: 9_000, concurrency: 4, style: 'event' as const, wasm: true, env: { A: '1', B: '2' } }

  test('the first version has the defaults', () => {
    expect(inheritVersion({}, undefined)).toEqual({ memoryMb: 128, timeoutMs: 5_000, concurrency: undefined, style: undefined, wasm: false, env: {} })
    expect(inheritFunction({}, undefined)).toEqual({
      access: 'private',
      maxConcurrency: undefined,
      idempotent: false,
      retries: 2,
      onSuccess: undefined,
      onFailure: undefined,
    })
  })

  test('what is left out stays, what is given wins, null goes back to the default', () => {
    expect(inheritVersion({ timeoutMs: 1 }, base)).toEqual({ ...base, timeoutMs: 1 })
    expect(inheritVersion({ memoryMb: null, concurrency: null, style: null, wasm: null }, base)).toEqual({
      ...base,
      memoryMb: 128,
      concurrency: undefined,
      style: undefined,
      wasm: false,
    })
    const settings = { access: 'public' as const, maxConcurrency: 0, idempotent: true, retries: 0, onSuccess: 'notes', onFailure: undefined }
    expect(inheritFunction({}, settings)).toEqual(settings)
    expect(inheritFunction({ access: null, maxConcurrency: null, idempotent: false, retries: null, onFailure: 'alarm' }, settings)).toEqual({
      access: 'private',
      maxConcurrency: undefined,
      idempotent: false,
      retries: 2,
      onSuccess: 'notes',
      onFailure: 'alarm',
    })
  })

  test('environment names are merged one by one', () => {
    expect(inheritVersion({ env: { A: null, B: '3', C: '' } }, base).env).toEqual({ B: '3', C: '' })
  })

  test('concurrency follows the style, unless it was set; a version of unknown style has room for one', () => {
    const settings = { ...base, concurrency: undefined }
    expect(limitsFor(settings, 'fetch').concurrency).toBe(16)
    expect(limitsFor(settings, 'event').concurrency).toBe(1)
    expect(limitsFor(settings, 'lambda').concurrency).toBe(1)
    expect(limitsFor(base, 'fetch').concurrency).toBe(4)
    expect(limitsFor(base, undefined).concurrency).toBe(1)
  })
})
