import type { Answer, Answers, Header, Reference, Schema } from './document.ts'
import { PROBLEMS, type ProblemCode } from './problems.ts'
import { ref } from './schema.ts'

/** Codes by the status they come with here. */
export type Refusals = Readonly<Record<number, readonly ProblemCode[]>>

export function jsonAnswer(description: string, schema: Schema, example: unknown): Answer {
  return { description, content: { 'application/json': { schema, example } } }
}

export function linesAnswer(description: string, schema: Schema, example: string): Answer {
  return { description, content: { 'application/x-ndjson': { schema, example } } }
}

/** Statuses of what may do better later. */
const RETRIED: ReadonlySet<string> = new Set(['429', '503'])

/** `headers`: what the answers to an invocation carry beside. */
export function problemAnswers(refusals: Refusals, headers: Readonly<Record<string, Header | Reference>> = {}): Answers {
  return Object.fromEntries(
    Object.entries(refusals).map(([status, codes]) => {
      const all = { ...headers, ...(RETRIED.has(status) && { 'Retry-After': headerRef('Retry-After') }) }
      const schema: Schema = { allOf: [ref('Problem')], properties: { code: { enum: codes } } }
      const description = codes.map((code) => `\`${code}\`: ${PROBLEMS[code].when}`).join('\n\n')
      return [status, { description, ...(Object.keys(all).length > 0 && { headers: all }), content: { 'application/problem+json': { schema } } }]
    }),
  )
}

/** Both lists, the codes of a status together. */
export function mergeRefusals(first: Refusals, second: Refusals): Refusals {
  const merged = new Map<number, ProblemCode[]>()
  for (const refusals of [first, second]) {
    for (const [status, codes] of Object.entries(refusals)) merged.set(Number(status), [...(merged.get(Number(status)) ?? []), ...codes])
  }
  return Object.fromEntries(merged)
}

export function headerRef(name: string): Reference {
  return { $ref: `#/components/headers/${name}` }
}
