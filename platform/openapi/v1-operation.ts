import { MAX_QUEUE_WAIT_MS, MAX_TIMEOUT_MS } from '../../runtime/contract/limits.ts'
import type { KeyScope } from '../registry/key-record.ts'
import { mergeRefusals, problemAnswers, type Refusals } from './answers.ts'
import type { Answers, Operation, Parameter, Reference } from './document.ts'
import { integer, name, text } from './schema.ts'

/** Parameters that several calls share. */
export const PARAMETERS: Readonly<Record<string, Parameter>> = {
  FunctionName: { name: 'name', in: 'path', required: true, description: 'The function.', schema: name('A function’s name'), example: 'hello' },
  ActingTenant: {
    name: 'Isolane-Tenant',
    in: 'header',
    description: 'The tenant an admin key acts for. Without it, every key acts for its own.',
    schema: name('A tenant’s name'),
  },
  DeadlineMs: {
    name: 'Isolane-Deadline-Ms',
    in: 'header',
    description:
      'How long the caller waits for the whole answer, from now. A call whose wait and the time that its function usually takes are longer than that is refused at once with `deadline_cannot_be_met`; one that runs is ended by then, and sees it in `ctx.deadline`; functions it calls have what is left. It makes a `timeoutMs` shorter, never longer.',
    schema: integer('Milliseconds.', { minimum: 1, maximum: MAX_QUEUE_WAIT_MS + MAX_TIMEOUT_MS }),
    example: 2_000,
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    description:
      'Makes it safe to send this request again: whatever comes to the function with the same key within 24 hours runs once. While it runs, others wait for its answer; later they get the answer that was kept, with `Isolane-Idempotent-Replay: true`, and it is not billed again. An answer that is streamed or over 64 KiB is not kept: 409 `answer_not_kept`. The same key with another request is 422 `idempotency_key_reused`. What never ran may be tried again under its key. A caller who leaves does not end such a call. With or without quotes around it.',
    schema: text('Such as a UUID: 1 to 255 visible ASCII characters.', { pattern: '^("?)[\\x21\\x23-\\x7e]{1,255}\\1$' }),
    example: '019ab4c2-7d10-7c3e-9d2b-6a1f0e4c8b57',
  },
  Prefer: {
    name: 'Prefer',
    in: 'header',
    description:
      '`respond-async`: nobody waits (RFC 7240). The answer is 202 when the event is on disk, and `GET /v1/invocations/{id}` tells what becomes of it. At a function’s URL it takes a key with the scope `invoke`; without one it is passed over. `Isolane-Deadline-Ms` then means nothing, and an `Idempotency-Key` given again gives the same id; without this header the key is another one.',
    schema: text('A list of preferences.'),
    example: 'respond-async',
  },
  CallbackUrl: {
    name: 'Isolane-Callback-Url',
    in: 'header',
    description:
      'With `Prefer: respond-async`: where to send what `GET /v1/invocations/{id}` would tell, by `POST`, once it is over. Signed; see `GET /v1/callback-secret`. An answer of 200 to 299 is a receipt, anything else is tried again, up to 8 times with pauses that double. Redirects are not followed, and addresses that functions may not reach are not called.',
    schema: text('An http: or https: URL.', { format: 'uri' }),
    example: 'https://example.com/done',
  },
}

/** What a call of a function may say of itself, at either door. */
export const CALL_PARAMETERS: readonly Reference[] = ['DeadlineMs', 'IdempotencyKey', 'Prefer', 'CallbackUrl'].map((name) => ({
  $ref: `#/components/parameters/${name}`,
}))
export const FUNCTION_NAME: Reference = { $ref: '#/components/parameters/FunctionName' }
const ACTING_TENANT: Reference = { $ref: '#/components/parameters/ActingTenant' }

/** What any call under `/v1` may be refused with. */
const ANY_CALL: Refusals = {
  400: ['name_invalid'],
  401: ['key_needed'],
  403: ['scope_missing', 'tenant_not_yours'],
  404: ['tenant_unknown'],
  500: ['platform_error'],
}

interface Given extends Pick<Operation, 'operationId' | 'summary' | 'description' | 'requestBody' | 'parameters'> {
  readonly scope: KeyScope
  readonly answers: Answers
  /** Beside those of any call. */
  readonly refusals?: Refusals
  readonly curl: string
}

/** A call under `/v1`: it needs a key with a scope, and an admin key may make it for any tenant. */
export function v1Operation({ scope, answers, refusals = {}, curl, parameters = [], ...rest }: Given): Operation {
  return {
    ...rest,
    security: needsKey(scope),
    parameters: [...parameters, ACTING_TENANT],
    responses: { ...answers, ...problemAnswers(mergeRefusals(ANY_CALL, refusals)) },
    'x-codeSamples': curlSample(curl),
  }
}

/** Either way to send the key. In OpenAPI 3.1 the list beside a scheme may hold what the key must be allowed to do. */
export function needsKey(scope: KeyScope): Operation['security'] {
  return [{ bearer: [scope] }, { isolaneKey: [scope] }]
}

/** `$URL` and `$KEY` as the description's first words set them. */
export function curlSample(source: string): Operation['x-codeSamples'] {
  return [{ lang: 'Shell', label: 'curl', source }]
}
