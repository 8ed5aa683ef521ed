import { jsonAnswer, type Refusals } from './answers.ts'
import { CONFIGURE, DEPLOY } from './deploying.ts'
import type { Operation, Subject } from './document.ts'
import { FUNCTION_EXAMPLE, VERSION_EXAMPLE } from './function-examples.ts'
import { FUNCTION_SCHEMAS } from './function-schemas.ts'
import { list, name, object, ref } from './schema.ts'
import { FUNCTION_NAME, v1Operation } from './v1-operation.ts'

const ONE_FUNCTION: Refusals = { 404: ['function_not_found'] }

const LIST: Operation = v1Operation({
  operationId: 'listFunctions',
  summary: 'List the functions',
  description: 'By name; of a key that is confined to functions, only those.',
  scope: 'read',
  answers: {
    200: jsonAnswer('All of them.', object({ functions: list(ref('Function'), 'By name.') }), { functions: [FUNCTION_EXAMPLE] }),
  },
  curl: 'curl "$URL/v1/functions" \\\n  -H "Authorization: Bearer $KEY"',
})

const READ: Operation = v1Operation({
  operationId: 'readFunction',
  summary: 'Read one function',
  scope: 'read',
  parameters: [FUNCTION_NAME],
  answers: {
    200: jsonAnswer('Settings, aliases and the live version; `env` when just one version is live.', ref('FunctionWithEnv'), {
      ...FUNCTION_EXAMPLE,
      env: { GREETING: 'hello' },
    }),
  },
  refusals: ONE_FUNCTION,
  curl: 'curl "$URL/v1/functions/hello" \\\n  -H "Authorization: Bearer $KEY"',
})

const REMOVE: Operation = v1Operation({
  operationId: 'removeFunction',
  summary: 'Remove a function',
  description:
    'With all its versions, its secrets and what it keeps in its `env.KV`. What it used stays on the bill, and its version numbers are never given again. One that schedules run is not removed: they are removed first.',
  scope: 'deploy',
  parameters: [FUNCTION_NAME],
  answers: { 204: { description: 'It is gone.' } },
  refusals: { ...ONE_FUNCTION, 409: ['function_has_schedules'] },
  curl: 'curl -X DELETE "$URL/v1/functions/hello" \\\n  -H "Authorization: Bearer $KEY"',
})

const VERSIONS: Operation = v1Operation({
  operationId: 'listVersions',
  summary: 'List the versions',
  description: 'Versions no alias points to are kept up to 20.',
  scope: 'read',
  parameters: [FUNCTION_NAME],
  answers: {
    200: jsonAnswer('Newest first.', ref('Versions'), { name: 'hello', versions: [{ ...VERSION_EXAMPLE, aliases: ['live'] }] }),
  },
  refusals: ONE_FUNCTION,
  curl: 'curl "$URL/v1/functions/hello/versions" \\\n  -H "Authorization: Bearer $KEY"',
})

const POINT_ALIAS: Operation = v1Operation({
  operationId: 'pointAlias',
  summary: 'Point an alias',
  description:
    'At one version, or at several by weight. `live` is the alias calls go to: point it at an older version to roll back, split it to try a new one on part of the calls. Up to 20 aliases.',
  scope: 'deploy',
  parameters: [
    FUNCTION_NAME,
    { name: 'alias', in: 'path', required: true, description: 'The alias; made if there is none.', schema: name('An alias'), example: 'live' },
  ],
  requestBody: {
    description: 'Either `version` or `weights`.',
    required: true,
    content: { 'application/json': { schema: ref('AliasTarget'), example: { weights: { 3: 90, 4: 10 } } } },
  },
  answers: {
    200: jsonAnswer('Where it points now.', ref('Alias'), {
      alias: 'live',
      targets: [
        { version: 3, weight: 90 },
        { version: 4, weight: 10 },
      ],
    }),
  },
  refusals: {
    400: ['setting_invalid', 'json_invalid'],
    ...ONE_FUNCTION,
    413: ['body_too_large'],
    415: ['encoding_unsupported'],
  },
  curl: `curl -X PUT "$URL/v1/functions/hello/aliases/live" \\\n  -H "Authorization: Bearer $KEY" \\\n  -d '{"weights": {"3": 90, "4": 10}}'`,
})

export const FUNCTIONS: Subject = {
  name: 'Functions',
  description: 'Upload code, configure it, choose which version is live.',
  paths: {
    '/v1/functions/{name}': { put: DEPLOY, get: READ, patch: CONFIGURE, delete: REMOVE },
    '/v1/functions': { get: LIST },
    '/v1/functions/{name}/versions': { get: VERSIONS },
    '/v1/functions/{name}/aliases/{alias}': { put: POINT_ALIAS },
  },
  schemas: FUNCTION_SCHEMAS,
}
