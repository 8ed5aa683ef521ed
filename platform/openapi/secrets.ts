import { MAX_SECRET_BYTES, MAX_SECRET_NAME_CHARS, MAX_SECRETS } from '../../runtime/contract/secrets.ts'
import { jsonAnswer, type Refusals } from './answers.ts'
import type { Operation, Parameter, Subject } from './document.ts'
import { flag, instant, list, name, object, ref, text } from './schema.ts'
import { FUNCTION_NAME, v1Operation } from './v1-operation.ts'

const SECRET_NAME: Parameter = {
  name: 'secret',
  in: 'path',
  required: true,
  description: `What the function finds it under: \`env.NAME\`. Up to ${MAX_SECRET_NAME_CHARS} characters; \`KV\` is reserved.`,
  schema: text('A secret’s name.', { pattern: '^[A-Z][A-Z0-9_]*$' }),
  example: 'API_KEY',
}

const ONE_FUNCTION: Refusals = { 404: ['function_not_found'] }

const SET: Operation = v1Operation({
  operationId: 'setSecret',
  summary: 'Set a secret',
  description: `New, or in place of the one there is; up to ${MAX_SECRETS} of a function. It holds for every version, from the first call that comes after this answer (by way of another gateway: within a second); calls under way go on with what they have. It wins over a plain setting of the same name.`,
  scope: 'deploy',
  parameters: [FUNCTION_NAME, SECRET_NAME],
  requestBody: {
    description: `The text exactly as it is to be, a line break at its end included; UTF-8, 1 to ${MAX_SECRET_BYTES} bytes. Whatever content type.`,
    required: true,
    content: { 'text/plain': { schema: text('The secret.'), example: 'hunter2' } },
  },
  answers: { 204: { description: 'It is set, and on disk.' } },
  refusals: {
    400: ['secret_invalid'],
    ...ONE_FUNCTION,
    409: ['secrets_full'],
    413: ['body_too_large'],
    415: ['encoding_unsupported'],
  },
  curl: 'printf %s "$API_KEY" | curl -X PUT "$URL/v1/functions/hello/secrets/API_KEY" \\\n  -H "Authorization: Bearer $KEY" \\\n  --data-binary @-',
})

const LIST: Operation = v1Operation({
  operationId: 'listSecrets',
  summary: 'List the secrets',
  description: 'Their names, never what is in them.',
  scope: 'deploy',
  parameters: [FUNCTION_NAME],
  answers: {
    200: jsonAnswer('By name.', ref('Secrets'), {
      name: 'hello',
      secrets: [{ name: 'API_KEY', setAt: '2026-01-31T12:00:00.000Z', hidesSetting: false }],
    }),
  },
  refusals: ONE_FUNCTION,
  curl: 'curl "$URL/v1/functions/hello/secrets" \\\n  -H "Authorization: Bearer $KEY"',
})

const REMOVE: Operation = v1Operation({
  operationId: 'removeSecret',
  summary: 'Remove a secret',
  description: 'As with a change: calls that come after this answer do not have it.',
  scope: 'deploy',
  parameters: [FUNCTION_NAME, SECRET_NAME],
  answers: { 204: { description: 'It is gone.' } },
  refusals: { 400: ['secret_invalid'], 404: ['function_not_found', 'secret_not_found'] },
  curl: 'curl -X DELETE "$URL/v1/functions/hello/secrets/API_KEY" \\\n  -H "Authorization: Bearer $KEY"',
})

export const SECRETS: Subject = {
  name: 'Secrets',
  description:
    'Texts that a function finds in its `env` and nobody finds anywhere else: no call answers them, the store has them sealed (AES-256-GCM). They belong to the function, not to a version, and go with it.',
  paths: {
    '/v1/functions/{name}/secrets': { get: LIST },
    '/v1/functions/{name}/secrets/{secret}': { put: SET, delete: REMOVE },
  },
  schemas: {
    Secrets: object({
      name: name('The function’s name'),
      secrets: list(
        object({
          name: text('As in `env`.'),
          setAt: instant('When it was last set.'),
          hidesSetting: flag('Whether the live version has a plain setting of the same name, which calls do not see.'),
        }),
        'By name.',
      ),
    }),
  },
}
