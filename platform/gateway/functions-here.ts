import { Problem } from '../problem.ts'

/** The answer for what does not exist, and for what the key does not reach: the two must not differ. */
export function noSuchFunction(name: string, qualifier?: string): Problem {
  const what = qualifier === undefined ? `a function "${name}"` : `a function "${name}" with a version or alias "${qualifier}"`
  return new Problem({
    status: 404,
    code: 'function_not_found',
    detail: `Cannot find ${what.slice(0, 200)} here. GET /v1/functions lists what there is`,
  })
}
