import { jsonAnswer, problemAnswers } from './answers.ts'
import type { Answers, Operation, Subject } from './document.ts'
import { list, object, text } from './schema.ts'
import { curlSample } from './v1-operation.ts'

/** A call that needs no key. */
function open(operationId: string, summary: string, path: string, answers: Answers): Operation {
  const responses = { ...answers, ...problemAnswers({ 500: ['platform_error'] }) }
  return { operationId, summary, security: [], responses, 'x-codeSamples': curlSample(`curl "$URL${path}"`) }
}

const status = (word: string) => text('In a word.', { enum: [word] })

const READINESS: Answers = {
  200: jsonAnswer('It takes traffic.', object({ status: status('ready') }), { status: 'ready' }),
  503: jsonAnswer('Send traffic elsewhere for now.', object({ status: status('not ready'), reasons: list(text('A reason.'), 'Why not.') }), {
    status: 'not ready',
    reasons: ['no worker is ready yet'],
  }),
}

export const HEALTH: Subject = {
  name: 'Health and description',
  description: 'Open to everyone who reaches the port. Metrics for Prometheus are on a port of their own.',
  paths: {
    '/healthz': {
      get: open('readHealth', 'Is the process alive?', '/healthz', {
        200: jsonAnswer('It is.', object({ status: status('alive') }), { status: 'alive' }),
      }),
    },
    '/readyz': { get: open('readReadiness', 'Does it take traffic?', '/readyz', READINESS) },
    '/openapi.json': {
      get: open('readDescription', 'This description, for programs', '/openapi.json', {
        200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: { type: 'object', description: 'An OpenAPI document.' } } } },
      }),
    },
    '/docs': {
      get: open('readPage', 'This description, for people', '/docs', {
        200: { description: 'A page.', content: { 'text/html': { schema: text('HTML.') } } },
      }),
    },
  },
  schemas: {},
}
