import type { KeyScope } from '../registry/key-record.ts'
import { mergeRefusals, problemAnswers, type Refusals } from './answers.ts'
import type { Answers, Operation, Parameter, Reference } from './document.ts'
import { name } from './schema.ts'

/** Parameters that several calls share. */
export const PARAMETERS: Readonly<Record<string, Parameter>> = {
  FunctionName: { name: 'name', in: 'path', required: true, description: 'The function.', schema: name('A function’s name'), example: 'hello' },
  ActingTenant: {
    name: 'Isolane-Tenant',
    in: 'header',
    description: 'The tenant an admin key acts for. Without it, every key acts for its own.',
    schema: name('A tenant’s name'),
  },
}

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
