import { Problem } from '../problem.ts'

/**
 * A parameter that would be passed over may be one that was meant to narrow the request down.
 *
 * @throws Problem 400 naming the first of `params` that is not among `known`
 */
export function refuseUnknownQuery(params: URLSearchParams, known: readonly string[]): void {
  for (const field of params.keys()) {
    if (known.includes(field)) continue
    const allowed = known.join(', ')
    throw new Problem({
      status: 400,
      code: 'bad_query',
      detail: `Cannot read the query: it has no ${JSON.stringify(field.slice(0, 80))}, ${allowed === '' ? 'nothing is allowed here' : `allowed are ${allowed}`}`,
      extra: { field, allowed },
    })
  }
}
