import { MAX_INVOKE_DEPTH } from '../../runtime/contract/data.ts'
import type { Schema } from './document.ts'
import { integer, text } from './schema.ts'

interface ProblemKind {
  readonly statuses: readonly number[]
  readonly when: string
}

function problem(statuses: number | readonly number[], when: string): ProblemKind {
  return { statuses: typeof statuses === 'number' ? [statuses] : statuses, when }
}

/** Every `code` an answer of the platform's own may carry. Codes are stable; the words in `detail` are for people and change. */
export const PROBLEMS = {
  bad_query: problem(
    400,
    'A query parameter has a value it cannot have, or there is no such parameter. `field` names it, `allowed` tells what it may be.',
  ),
  body_cut: problem(400, 'The connection ended before the request body did.'),
  field_invalid: problem(400, 'A field of the JSON body is missing or has a value it cannot have. `field` names it, `allowed` tells what it may be.'),
  field_unknown: problem(400, 'The JSON body has a field that does not exist here. `field` names it, `allowed` lists those there are.'),
  form_invalid: problem([400, 415], 'The form cannot be read, names a module twice (400), or is multipart but no `multipart/form-data` (415).'),
  header_invalid: problem(400, 'A request header has a value it cannot have. `field` names it, `allowed` tells what it may be.'),
  json_invalid: problem(400, 'The body, or the part `metadata` of a form, is not a JSON object; an event may be any JSON value.'),
  main_module_invalid: problem(400, 'A form with several modules needs `main_module` in its part `metadata`, naming one of them.'),
  module_missing: problem(400, 'The upload has no code in it.'),
  module_name_invalid: problem(400, 'A module’s name is not a relative path of printable ASCII characters.'),
  name_invalid: problem(400, 'A function, alias or tenant has a name it cannot have, or one that is reserved.'),
  secret_invalid: problem(400, 'A secret has a name it cannot have, or its text is empty or no UTF-8. `field` tells which: `name` or `text`.'),
  setting_invalid: problem(
    400,
    'A setting has a value it cannot have, or there is no such setting. `field` names it, `allowed` tells what it may be.',
  ),

  key_needed: problem(401, 'There is no key, or it is unknown, removed or expired.'),

  cors_not_allowed: problem(403, 'A browser’s preflight to a private function, which allows no other origins.'),
  scope_missing: problem(403, 'The key lacks the scope this call needs.'),
  tenant_not_yours: problem(403, '`Isolane-Tenant` names another tenant, and the key is no admin key.'),

  function_not_found: problem(404, 'The function, version or alias does not exist, or the key does not reach it: the two are not told apart.'),
  dead_letter_not_found: problem(404, 'The invocation is not among the dead letters: it never was, or has been redriven or purged.'),
  invocation_not_found: problem(
    404,
    'There was no asynchronous call with this id, the key does not reach its function, or it was over more than a day ago.',
  ),
  schedule_not_found: problem(404, 'There is no schedule of this name, or the key does not reach its function.'),
  key_unknown: problem(404, 'There is no key with this id.'),
  not_found: problem(404, 'There is no such call: method and path together match none of this page.'),
  secret_not_found: problem(404, 'The function has no secret of this name.'),
  tenant_unknown: problem(404, 'There is no tenant of that name, in the path or in `Isolane-Tenant`.'),

  deadline_passed: problem(408, 'The request took longer to come than its `Isolane-Deadline-Ms` allows. Nothing was run.'),

  answer_not_kept: problem(
    409,
    'The call with this `Idempotency-Key` has run, but its answer was streamed or larger than is kept. `invocation` and `Isolane-Invocation-Id` name that call. It was not run again.',
  ),
  invocation_over: problem(409, 'The asynchronous call is over: nothing is left to cancel.'),
  key_in_use: problem(409, 'A key cannot remove itself.'),
  live_not_single: problem(409, 'A setting of the version was to change, but `live` does not point to just one version.'),
  function_has_schedules: problem(409, 'The function has schedules, which `schedules` names: remove them first.'),
  schedule_exists: problem(409, 'There is a schedule of this name.'),
  schedule_running: problem(409, 'The schedule’s last run is not over. `invocation` names it.'),
  schedules_full: problem(409, 'The tenant has as many schedules as a tenant may have.'),
  secrets_full: problem(409, 'The function has as many secrets as a function may have.'),
  tenant_moving: problem(409, 'The tenant is still on its way from one lane to another: it can move again when it has arrived.'),
  tenant_exists: problem(409, 'There is a tenant of this name.'),

  body_too_large: problem(413, 'The request body is larger than this call takes.'),
  bundle_too_large: problem(413, 'The code is too large once its modules are bundled.'),
  source_too_large: problem(413, 'The modules are too large together.'),

  encoding_unsupported: problem(415, 'The body came with a `Content-Encoding`. Send it as it is.'),
  zip_unsupported: problem(415, 'The upload is a zip archive.'),

  build_failed: problem(422, 'The code does not compile. `errors` has text, file, line and column of each fault.'),
  idempotency_key_reused: problem(
    422,
    'The `Idempotency-Key` came with another request before: other method, path, query, body, content type or credentials. Nothing was run.',
  ),
  too_complex: problem(422, 'The bundler gave up on the code: nested too deeply, or too much time or memory to parse.'),

  cancelled: problem(429, 'The call was cancelled, or its function switched off, while it waited. Nothing ran.'),
  function_off: problem(429, 'The function is switched off: its `maxConcurrency` is 0.'),

  queue_full: problem(429, 'The function’s own queue is full: more come than it runs, which may be for its `maxConcurrency`. Nothing was accepted.'),
  too_many_deploys: problem(429, 'Too many uploads of the tenant wait for the bundler already.'),

  platform_error: problem(500, 'A fault of the platform. Its log says more.'),

  upgrade_not_supported: problem(501, 'The request asks for another protocol, such as a WebSocket.'),

  bad_reply: problem(502, 'The function answered with a status or header that HTTP cannot carry.'),
  exceeded_cpu: problem([422, 502], 'The function used more CPU than its limits give. At a deploy (422): its top-level code did.'),
  exceeded_memory: problem([422, 502], 'The function outgrew its `memoryMb`. At a deploy: 422.'),
  exceeded_output: problem([422, 502], 'The function’s answer is larger than an answer may be. At a deploy: 422.'),
  function_failed_to_start: problem([422, 502], 'The module threw while it was loaded. At a deploy: 422. `error` has name, message and stack.'),
  function_threw: problem([422, 502], 'The handler threw. A key with the scope `read` sees name, message and stack in `error`. At a deploy: 422.'),

  deadline_cannot_be_met: problem(
    503,
    'The wait would be longer than any call waits, or it and the time that the function usually takes longer than the call’s deadline. It is refused at once, while there is time to go elsewhere: nothing was accepted. `predictedWaitMs` tells how long it would have been.',
  ),
  deploy_expired: problem(503, 'The deploy took too long, or the code it stands on was removed meanwhile. Try again.'),
  events_full: problem(503, 'Too many bytes of the tenant’s asynchronous events wait, run or lie among the dead letters. Nothing was accepted.'),
  expired: problem(503, 'Its turn in the queue did not come in time. Nothing ran, nothing is billed.'),
  lane_unreachable: problem(503, 'The queue cannot be reached. Nothing was accepted, so it is safe to try again.'),
  ledger_unavailable: problem(503, 'The ledger does not answer. No record is lost; calls and deploys go on.'),
  lost: problem(503, 'The worker failed while it had the call. `started` tells whether it may have run in part; nothing is billed.'),
  overloaded: problem(
    503,
    'There is more work than workers and the queue is full, or too many bytes of the tenant’s callers are held. Nothing was accepted, so it is safe to try again.',
  ),
  tenant_moved: problem(503, 'The tenant is being moved to other workers at this moment. Nothing was accepted, so it is safe to try again.'),

  store_unreachable: problem(
    503,
    'The store did not answer in time: it is not known whether the asynchronous call was accepted. Sending it again is safe with the same `Idempotency-Key`; without one it may run twice.',
  ),

  exceeded_wall: problem(
    [422, 504],
    'The function did not answer within its `timeoutMs`. At a deploy (422): its top-level code did not end in time.',
  ),

  invoke_too_deep: problem(508, `Functions call each other, here or by way of their addresses, more than ${MAX_INVOKE_DEPTH} deep.`),
} as const satisfies Readonly<Record<string, ProblemKind>>

export type ProblemCode = keyof typeof PROBLEMS

const CODES: readonly (readonly [string, ProblemKind])[] = Object.entries(PROBLEMS)

export const PROBLEM_SCHEMA: Schema = {
  type: 'object',
  description: 'Some have members of their own beside these five, such as `errors`, `field` or `limit`.',
  required: ['type', 'title', 'status', 'code', 'detail'],
  properties: {
    type: text('`urn:isolane:problem:` and the code.', { format: 'uri' }),
    title: text('The status in words.'),
    status: integer('The HTTP status.'),
    code: {
      type: 'string',
      description: 'What a program acts on.',
      oneOf: CODES.map(([code, { statuses, when }]) => ({ const: code, description: when, 'x-isolane-statuses': statuses })),
    },
    detail: text('What was being done, what was wanted, what came, and the way out where there is one. For people.'),
  },
  additionalProperties: true,
  examples: [
    {
      type: 'urn:isolane:problem:exceeded_cpu',
      title: 'Function failed',
      status: 502,
      code: 'exceeded_cpu',
      detail:
        'default/primes was ended: it used more than its 362 ms of CPU (memoryMb 128, timeoutMs 5000). A larger memoryMb or timeoutMs gives it more',
      limit: 'cpu',
      allowed: 362,
      unit: 'ms',
    },
  ],
}
