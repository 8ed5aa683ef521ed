import { MAX_BUFFERED_BODY_BYTES, MAX_STREAMED_BODY_BYTES } from '../../runtime/contract/limits.ts'
import { headerRef, problemAnswers, type Refusals } from './answers.ts'
import { type Answer, METHODS, type Operation, type PathItem, type Subject } from './document.ts'
import { INVOCATION_HEADERS } from './headers.ts'
import { epochMs, integer, name, object, ref, text } from './schema.ts'
import { CALL_PARAMETERS, curlSample, FUNCTION_NAME, needsKey, v1Operation } from './v1-operation.ts'

const WHOLE_LIMIT = `${MAX_BUFFERED_BODY_BYTES / 2 ** 20} MiB`
const STREAMED_LIMIT = `${MAX_STREAMED_BODY_BYTES / 2 ** 20} MiB`

const STREAMED_ANSWERS = `An answer may have up to ${WHOLE_LIMIT}, or ${STREAMED_LIMIT} when the handler streams it. A streamed one is sent as it is made: its head carries \`Isolane-Invocation-Id\`, \`Isolane-Version\` and \`Isolane-Start\`, and where its length is not known before, \`Isolane-Outcome\` and \`Isolane-Billed-Ms\` follow as trailers. One that fails on the way is cut off, never ended cleanly.

A caller who closes the connection before the answer is complete ends the call, unless it came with an \`Idempotency-Key\`.`

/** What a call may end in once it has an id. */
const ENDINGS: Refusals = {
  409: ['answer_not_kept'],
  422: ['idempotency_key_reused'],
  429: ['queue_full', 'function_off', 'cancelled'],
  502: ['function_threw', 'function_failed_to_start', 'exceeded_cpu', 'exceeded_memory', 'exceeded_output', 'bad_reply'],
  503: ['overloaded', 'deadline_cannot_be_met', 'tenant_moved', 'lane_unreachable', 'expired', 'lost', 'events_full', 'store_unreachable'],
  504: ['exceeded_wall'],
}

/** Refused before it has an id. */
const TOO_DEEP: Refusals = { 508: ['invoke_too_deep'] }

/** In the place of any other, with `Prefer: respond-async`. */
const ACCEPTED: Answer = {
  description: 'With `Prefer: respond-async`: it is accepted, and on disk.',
  headers: Object.fromEntries(
    ['Location', 'Preference-Applied', 'Isolane-Invocation-Id', 'Isolane-Idempotent-Replay'].map((it) => [it, headerRef(it)]),
  ),
  content: {
    'application/json': {
      schema: object({
        id: text('Its id.', { format: 'uuid' }),
        function: name('The function'),
        status: text('`queued`.'),
        location: text('Where to look.'),
      }),
      example: {
        id: '019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57',
        function: 'greet',
        status: 'queued',
        location: '/v1/invocations/019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57',
      },
    },
  },
}

const CALL: Operation = v1Operation({
  operationId: 'invokeFunction',
  summary: 'Call a function with JSON',
  description: `The handler gets the event and the answer is its result. A handler of the style \`fetch\` gets \`POST /\` with the event as its body, and its own status, headers and body are the answer.

An event may have up to ${WHOLE_LIMIT}. ${STREAMED_ANSWERS}`,
  scope: 'invoke',
  parameters: [
    FUNCTION_NAME,
    {
      name: 'qualifier',
      in: 'query',
      description: 'A version number or an alias.',
      schema: text('A qualifier.', { default: 'live' }),
      example: '3',
    },
    ...CALL_PARAMETERS,
  ],
  requestBody: {
    description: 'The event: one JSON value. No body is no event.',
    required: false,
    content: { 'application/json': { schema: { description: 'Any JSON value.' }, example: { name: 'Ada' } } },
  },
  answers: {
    200: {
      description: 'The result. Of a handler of the style `fetch`: its own answer, with a status and content type of its own.',
      headers: INVOCATION_HEADERS,
      content: { 'application/json': { schema: { description: 'Any JSON value.' }, example: { greeting: 'hello, Ada' } } },
    },
    202: ACCEPTED,
    ...problemAnswers(ENDINGS, INVOCATION_HEADERS),
  },
  refusals: {
    400: ['json_invalid', 'header_invalid', 'body_cut'],
    404: ['function_not_found'],
    408: ['deadline_passed'],
    413: ['body_too_large'],
    ...TOO_DEEP,
  },
  curl: `curl -i "$URL/v1/functions/greet/invocations" \\\n  -H "Authorization: Bearer $KEY" \\\n  -d '{"name": "Ada"}'`,
})

const LOGS: Operation = v1Operation({
  operationId: 'readLogs',
  summary: 'Read a function’s log',
  description: 'The last lines it wrote with `console`: about a thousand, for up to a day after the last one.',
  scope: 'read',
  parameters: [
    FUNCTION_NAME,
    {
      name: 'follow',
      in: 'query',
      description: 'Such as `1`: the lines come as server-sent events of the type `line`, and go on as new ones are written.',
      schema: text('Anything.'),
    },
  ],
  answers: {
    200: {
      description: 'Oldest first, one JSON object a line.',
      content: {
        'application/x-ndjson': {
          schema: ref('LogLine'),
          example: '{"at":1769860800000,"id":"019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57","version":3,"level":"info","message":"hello, Ada"}\n',
        },
        'text/event-stream': { schema: text('With `follow`: the same object as the data of each event.') },
      },
    },
  },
  refusals: { 404: ['function_not_found'] },
  curl: 'curl -N "$URL/v1/functions/hello/logs?follow=1" \\\n  -H "Authorization: Bearer $KEY"',
})

function urlCall(method: string): Operation {
  return {
    operationId: `callUrl${method[0]?.toUpperCase()}${method.slice(1)}`,
    summary: 'Call a function at its URL',
    description: `Method, path, query, headers and body go to the function; its answer comes back. It sees the path behind its own name, and where that stands in \`X-Forwarded-Prefix\`.

A request’s body may have up to ${STREAMED_LIMIT} for a handler of the style \`fetch\`, which reads it as it comes, and ${WHOLE_LIMIT} for others, or with an \`Idempotency-Key\`. ${STREAMED_ANSWERS}

With \`Prefer: respond-async\` and a key the answer is 202 as for \`POST /v1/functions/{name}/invocations\`, and the function’s own answer is kept as its result.

A private function (the default) needs a key with the scope \`invoke\`, which it does not get to see. On a public one anybody may call, and any other \`Authorization\` is the function’s own business.

Pages of functions share the platform’s address: every answer carries \`Content-Security-Policy: sandbox …\`, and cookies are confined to the function’s path.`,
    security: [...needsKey('invoke'), {}],
    parameters: [
      { name: 'tenant', in: 'path', required: true, description: 'Whose function it is.', schema: name('A tenant’s name'), example: 'default' },
      FUNCTION_NAME,
      {
        name: 'path',
        in: 'path',
        required: true,
        description: 'The rest of the path, slashes and all; may be empty.',
        schema: text('A path.'),
        example: '',
      },
      ...CALL_PARAMETERS,
    ],
    responses: {
      '2XX': {
        description: 'The function’s own answer: any status from 200 to 599, any content.',
        headers: INVOCATION_HEADERS,
        content: { '*/*': { example: 'hello, Ada\n' } },
      },
      ...problemAnswers({
        400: ['header_invalid', 'body_cut'],
        401: ['key_needed'],
        403: ['cors_not_allowed'],
        404: ['function_not_found'],
        500: ['platform_error'],
        408: ['deadline_passed'],
        413: ['body_too_large'],
        501: ['upgrade_not_supported'],
        ...TOO_DEEP,
      }),
      ...problemAnswers(ENDINGS, INVOCATION_HEADERS),
    },
    'x-codeSamples': curlSample(
      method === 'get'
        ? 'curl -i "$URL/fn/default/hello?name=Ada" \\\n  -H "Authorization: Bearer $KEY"'
        : `curl -i ${method === 'head' ? '--head' : `-X ${method.toUpperCase()}`} "$URL/fn/default/hello?name=Ada" \\\n  -H "Authorization: Bearer $KEY"`,
    ),
  }
}

const ANY_METHOD: PathItem = { 'x-isolane-any-method': true, ...Object.fromEntries(METHODS.map((method) => [method, urlCall(method)])) }

export const INVOCATIONS: Subject = {
  name: 'Calls',
  description: 'Two doors to every function, whichever way its handler is written: JSON in and out, or plain HTTP at a URL of its own.',
  paths: {
    '/v1/functions/{name}/invocations': { post: CALL },
    '/fn/{tenant}/{name}/{path}': ANY_METHOD,
    '/v1/functions/{name}/logs': { get: LOGS },
  },
  schemas: {
    LogLine: object({
      at: epochMs('When it was written.'),
      id: text('The call that wrote it.', { format: 'uuid' }),
      version: integer('The version that ran.'),
      level: text('The `console` method.', { enum: ['debug', 'info', 'warn', 'error'] }),
      message: text('What it wrote.'),
    }),
  },
}
