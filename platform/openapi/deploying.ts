import { MAX_BUNDLE_BYTES, MAX_SOURCE_BYTES } from '../../runtime/contract/limits.ts'
import { jsonAnswer, type Refusals } from './answers.ts'
import type { Operation, Schema } from './document.ts'
import { DEPLOYED_EXAMPLE, FUNCTION_EXAMPLE } from './function-examples.ts'
import { flag, ref, text } from './schema.ts'
import { SETTINGS_PARAMETERS } from './settings.ts'
import { FUNCTION_NAME, v1Operation } from './v1-operation.ts'

const MIB = 1024 * 1024

/** What loading a new version once in a sandbox may end in. */
const LOADING: Refusals = {
  422: ['function_failed_to_start', 'function_threw', 'exceeded_cpu', 'exceeded_wall', 'exceeded_memory', 'exceeded_output'],
  429: ['queue_full', 'function_off', 'cancelled'],
  503: ['overloaded', 'deadline_cannot_be_met', 'tenant_moved', 'lane_unreachable', 'expired', 'lost', 'deploy_expired'],
}

const MODULE: Schema = text('JavaScript or TypeScript, UTF-8.')

export const DEPLOY: Operation = v1Operation({
  operationId: 'deployFunction',
  summary: 'Upload a new version',
  description: `The body is one JavaScript or TypeScript module, or a form with several. It is bundled, then loaded once in a real sandbox; only a version that loads is kept. Up to ${MAX_SOURCE_BYTES / MIB} MiB of modules, ${MAX_BUNDLE_BYTES / MIB} MiB bundled.

Settings that are left out are inherited from the version \`live\` points to. The new version becomes \`live\`, unless \`live=false\` is given or \`live\` is split over several versions; the answer tells.`,
  scope: 'deploy',
  parameters: [
    FUNCTION_NAME,
    ...SETTINGS_PARAMETERS,
    { name: 'live', in: 'query', description: '`false` leaves `live` where it is.', schema: flag('Whether it moves.', { default: true }) },
  ],
  requestBody: {
    description: 'The code. Any content type but those of archives is taken for one module; `multipart/form-data` carries several.',
    required: true,
    content: {
      '*/*': { schema: MODULE, example: 'export default {\n  fetch: () => new Response("hello\\n"),\n}' },
      'multipart/form-data': {
        schema: {
          type: 'object',
          description:
            'Each part is a module, named by its path, such as `lib/greet.ts`; imports between them are relative. A `.wasm` part is a `WebAssembly.Module` to who imports it, with the setting `wasm`.',
          properties: {
            metadata: {
              allOf: [ref('Settings')],
              type: 'object',
              properties: { main_module: text('Which module is loaded. Needed when there are several.'), live: flag('As in the query.') },
              contentMediaType: 'application/json',
            },
          },
          additionalProperties: MODULE,
        },
      },
    },
  },
  answers: { 201: jsonAnswer('The version is kept. The report tells what its first load took.', ref('Deployed'), DEPLOYED_EXAMPLE) },
  refusals: {
    400: ['setting_invalid', 'module_missing', 'module_name_invalid', 'main_module_invalid', 'form_invalid', 'json_invalid'],
    404: ['function_not_found'],
    413: ['body_too_large', 'source_too_large', 'bundle_too_large'],
    415: ['zip_unsupported', 'encoding_unsupported', 'form_invalid'],
    ...LOADING,
    422: ['build_failed', 'too_complex', ...(LOADING[422] ?? [])],
    429: ['too_many_deploys', ...(LOADING[429] ?? [])],
  },
  curl: 'curl -X PUT "$URL/v1/functions/hello?memoryMb=128" \\\n  -H "Authorization: Bearer $KEY" \\\n  --data-binary @functions/hello/handler.ts',
})

export const CONFIGURE: Operation = v1Operation({
  operationId: 'configureFunction',
  summary: 'Change settings',
  description:
    'Settings of the function (`access`, `maxConcurrency`, `idempotent`, `retries`, `onSuccess`, `onFailure`) act at once. Settings of a version (`memoryMb`, `timeoutMs`, `concurrency`, `style`, `wasm`, `env`) make a new version of the code that is live: it is loaded like an upload, and `deployed` in the answer tells of it.',
  scope: 'deploy',
  parameters: [FUNCTION_NAME],
  requestBody: {
    description: 'Up to 64 KiB.',
    required: true,
    content: { 'application/json': { schema: ref('Settings'), example: { access: 'public', maxConcurrency: 50 } } },
  },
  answers: {
    200: jsonAnswer('The function as it is now.', ref('FunctionWithEnv'), { ...FUNCTION_EXAMPLE, access: 'public', maxConcurrency: 50, revision: 8 }),
  },
  refusals: {
    400: ['setting_invalid', 'json_invalid'],
    404: ['function_not_found'],
    409: ['live_not_single'],
    413: ['body_too_large'],
    415: ['encoding_unsupported'],
    ...LOADING,
  },
  curl: `curl -X PATCH "$URL/v1/functions/hello" \\\n  -H "Authorization: Bearer $KEY" \\\n  -d '{"access": "public", "maxConcurrency": 50}'`,
})
