import { MAIN_LANE } from '../../runtime/contract/lanes.ts'
import { KEY_SCOPES } from '../registry/key-record.ts'
import { DEFAULT_WEIGHT, MAX_WEIGHT, MIN_WEIGHT, MOVE_PAUSE_MS } from '../registry/tenant.ts'
import { jsonAnswer } from './answers.ts'
import type { Operation, Schema, Subject } from './document.ts'
import { instant, list, name, number, object, orNull, ref, text } from './schema.ts'
import { v1Operation } from './v1-operation.ts'

const BODY_REFUSALS = { 400: ['field_invalid', 'field_unknown', 'json_invalid'], 413: ['body_too_large'], 415: ['encoding_unsupported'] } as const

const TENANT_EXAMPLE = { name: 'acme', weight: 2, lane: 'main', createdAt: '2026-01-31T12:00:00.000Z' }
const MOVING_EXAMPLE = { from: 'main', since: '2026-02-01T12:00:00.000Z' }
const KEY_EXAMPLE = { id: 'key-1f2e3d4c5b6a7988', tenant: 'acme', scopes: ['deploy'], createdAt: '2026-01-31T12:00:00.000Z', expiresAt: null }

const WEIGHT = number('Share of contended capacity, relative to other tenants of its lane; fractions are fine.', {
  minimum: MIN_WEIGHT,
  maximum: MAX_WEIGHT,
})
const LANE = 'Its lane, one of ISOLANE_LANES'

const NEW_TENANT: Schema = {
  ...object(
    {
      name: name('Its name'),
      weight: { ...WEIGHT, default: DEFAULT_WEIGHT },
      lane: name(`${LANE}, default \`${MAIN_LANE}\``),
    },
    ['weight', 'lane'],
  ),
  additionalProperties: false,
}

const TENANT_CHANGE: Schema = { ...object({ weight: WEIGHT, lane: name(LANE) }, ['weight', 'lane']), additionalProperties: false }

const TENANT_NAME = { name: 'name', in: 'path', required: true, description: 'The tenant.', schema: name('Its name'), example: 'acme' } as const

const CREATE_TENANT: Operation = v1Operation({
  operationId: 'createTenant',
  summary: 'Make a tenant',
  scope: 'admin',
  requestBody: {
    description: 'Up to 64 KiB.',
    required: true,
    content: { 'application/json': { schema: NEW_TENANT, example: { name: 'acme', weight: 2 } } },
  },
  answers: { 201: jsonAnswer('It is there.', ref('Tenant'), TENANT_EXAMPLE) },
  refusals: { ...BODY_REFUSALS, 409: ['tenant_exists'] },
  curl: `curl "$URL/v1/tenants" \\\n  -H "Authorization: Bearer $KEY" \\\n  -d '{"name": "acme", "weight": 2}'`,
})

const LIST_TENANTS: Operation = v1Operation({
  operationId: 'listTenants',
  summary: 'List the tenants',
  scope: 'admin',
  answers: { 200: jsonAnswer('By name.', object({ tenants: list(ref('Tenant'), 'By name.') }), { tenants: [TENANT_EXAMPLE] }) },
  curl: 'curl "$URL/v1/tenants" \\\n  -H "Authorization: Bearer $KEY"',
})

const READ_TENANT: Operation = v1Operation({
  operationId: 'readTenant',
  summary: 'Read a tenant',
  scope: 'admin',
  parameters: [TENANT_NAME],
  answers: { 200: jsonAnswer('As it is now.', ref('Tenant'), TENANT_EXAMPLE) },
  refusals: { 404: ['tenant_unknown'] },
  curl: 'curl "$URL/v1/tenants/acme" \\\n  -H "Authorization: Bearer $KEY"',
})

const CHANGE_TENANT: Operation = v1Operation({
  operationId: 'changeTenant',
  summary: 'Change a tenant’s weight, or move it to another lane',
  description: `A weight acts at once. A move loses no call: from now on calls go to the new lane and wait there until the old one has finished what it had, ${MOVE_PAUSE_MS / 1_000} s at most; until then \`moving\` says where it comes from.`,
  scope: 'admin',
  parameters: [TENANT_NAME],
  requestBody: {
    description: 'What is left out stays. Up to 64 KiB.',
    required: true,
    content: { 'application/json': { schema: TENANT_CHANGE, example: { lane: 'trusted' } } },
  },
  answers: { 200: jsonAnswer('As it is from now on.', ref('Tenant'), { ...TENANT_EXAMPLE, lane: 'trusted', moving: MOVING_EXAMPLE }) },
  refusals: { ...BODY_REFUSALS, 404: ['tenant_unknown'], 409: ['tenant_moving'] },
  curl: `curl -X PATCH "$URL/v1/tenants/acme" \\\n  -H "Authorization: Bearer $KEY" \\\n  -d '{"lane": "trusted"}'`,
})

const SCOPES = list(text('A scope.', { enum: KEY_SCOPES }), 'What it may do. `admin` reaches everything, every tenant’s.', { minItems: 1 })

const NEW_KEY: Schema = {
  ...object(
    {
      tenant: name('Whose it is, default the one you act for'),
      scopes: SCOPES,
      functions: list(name('A function’s name'), 'Confines it to these. Default: all of the tenant’s.', { minItems: 1, maxItems: 100 }),
      expiresAt: instant('When it stops working. Default: never.'),
    },
    ['tenant', 'functions', 'expiresAt'],
  ),
  additionalProperties: false,
}

const CREATE_KEY: Operation = v1Operation({
  operationId: 'createKey',
  summary: 'Make a key',
  description: 'The key itself is in this answer and nowhere else: only its hash is kept.',
  scope: 'admin',
  requestBody: {
    description: 'Up to 64 KiB.',
    required: true,
    content: { 'application/json': { schema: NEW_KEY, example: { tenant: 'acme', scopes: ['deploy'] } } },
  },
  answers: { 201: jsonAnswer('The key, shown once.', ref('NewKey'), { ...KEY_EXAMPLE, key: 'isl_…' }) },
  refusals: BODY_REFUSALS,
  curl: `curl "$URL/v1/keys" \\\n  -H "Authorization: Bearer $KEY" \\\n  -d '{"tenant": "acme", "scopes": ["deploy"]}'`,
})

const LIST_KEYS: Operation = v1Operation({
  operationId: 'listKeys',
  summary: 'List the keys',
  description: 'Of all tenants, in the order they were made.',
  scope: 'admin',
  parameters: [{ name: 'tenant', in: 'query', description: 'Only of this tenant.', schema: name('A tenant’s name') }],
  answers: { 200: jsonAnswer('Without the keys themselves.', object({ keys: list(ref('Key'), 'Oldest first.') }), { keys: [KEY_EXAMPLE] }) },
  curl: 'curl "$URL/v1/keys?tenant=acme" \\\n  -H "Authorization: Bearer $KEY"',
})

const REMOVE_KEY: Operation = v1Operation({
  operationId: 'removeKey',
  summary: 'Remove a key',
  description: 'It stops working everywhere at once.',
  scope: 'admin',
  parameters: [
    { name: 'id', in: 'path', required: true, description: 'The key’s id, not the key.', schema: text('An id.'), example: 'key-1f2e3d4c5b6a7988' },
  ],
  answers: { 204: { description: 'It is gone.' } },
  refusals: { 404: ['key_unknown'], 409: ['key_in_use'] },
  curl: 'curl -X DELETE "$URL/v1/keys/key-1f2e3d4c5b6a7988" \\\n  -H "Authorization: Bearer $KEY"',
})

const KEY = {
  id: text('Names the key without being it.'),
  tenant: name('Whose it is'),
  scopes: SCOPES,
  functions: list(name('A function’s name'), 'What it is confined to; absent: nothing.'),
  createdAt: instant('When it was made.'),
  expiresAt: orNull(instant('When it stops working; `null`: never.')),
}

export const TENANTS: Subject = {
  name: 'Tenants and keys',
  description: 'Who uses this platform, and with what rights. For admin keys.',
  paths: {
    '/v1/tenants': { post: CREATE_TENANT, get: LIST_TENANTS },
    '/v1/tenants/{name}': { get: READ_TENANT, patch: CHANGE_TENANT },
    '/v1/keys': { post: CREATE_KEY, get: LIST_KEYS },
    '/v1/keys/{id}': { delete: REMOVE_KEY },
  },
  schemas: {
    Tenant: object(
      {
        name: name('Its name'),
        weight: number('Share of contended capacity, relative to other tenants of its lane.'),
        lane: name('Its lane'),
        moving: object({ from: name('The lane it comes from'), since: instant('When the move began.') }),
        createdAt: instant('When it was made.'),
      },
      ['moving'],
    ),
    Key: object(KEY, ['functions']),
    NewKey: object({ ...KEY, key: text('What to send as `Authorization: Bearer`.') }, ['functions']),
  },
}
