import { ASYNC } from './async.ts'
import type { OpenApiDocument, Operation, PathItem, Subject } from './document.ts'
import { operationsOf } from './document.ts'
import { FLEET } from './fleet.ts'
import { FUNCTIONS } from './functions.ts'
import { HEADERS } from './headers.ts'
import { HEALTH } from './health.ts'
import { INVOCATIONS } from './invocations.ts'
import { PROBLEM_SCHEMA } from './problems.ts'
import { SCHEDULES } from './schedules.ts'
import { SECRETS } from './secrets.ts'
import { TENANTS } from './tenants.ts'
import { USAGE } from './usage.ts'
import { PARAMETERS } from './v1-operation.ts'

/** In the order people read them. */
const SUBJECTS: readonly Subject[] = [FUNCTIONS, SECRETS, INVOCATIONS, ASYNC, SCHEDULES, USAGE, FLEET, TENANTS, HEALTH]

/** All the gateway answers to: what there is, not what there will be. */
export const OPENAPI: OpenApiDocument = {
  openapi: '3.1.1',
  info: {
    title: 'isolane',
    version: '1',
    summary: 'Functions over HTTP: upload, call, see what it cost.',
    description: `A key comes as \`Authorization: Bearer isl_…\` or \`Isolane-Key: isl_…\`. It belongs to a tenant and has scopes: \`deploy\`, \`invoke\`, \`read\`, \`usage\`, or \`admin\`, which may do everything for every tenant.

Whatever goes wrong is answered as \`application/problem+json\` with a stable \`code\`.`,
    license: { name: 'MIT', identifier: 'MIT' },
  },
  servers: [{ url: '/', description: 'The platform that serves this description.' }],
  tags: SUBJECTS.map(({ name, description }) => ({ name, description })),
  paths: Object.fromEntries(
    SUBJECTS.flatMap((subject) => Object.entries(subject.paths).map(([path, item]) => [path, mapOperations(item, (it) => tagged(it, subject))])),
  ),
  components: {
    schemas: { Problem: PROBLEM_SCHEMA, ...Object.assign({}, ...SUBJECTS.map(({ schemas }) => schemas)) },
    parameters: PARAMETERS,
    headers: HEADERS,
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', description: 'A platform key.' },
      isolaneKey: { type: 'apiKey', in: 'header', name: 'Isolane-Key', description: 'A platform key, where `Authorization` is taken.' },
    },
  },
}

function mapOperations(item: PathItem, change: (operation: Operation) => Operation): PathItem {
  const changed = operationsOf(item).map(([method, operation]) => [method, change(operation)])
  return { ...item, ...Object.fromEntries(changed) }
}

function tagged({ operationId, ...rest }: Operation, { name }: Subject): Operation {
  return { operationId, tags: [name], ...rest }
}
