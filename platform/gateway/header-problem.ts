import { Problem } from '../problem.ts'

/** A request header with a value it cannot have. `header`: as people write it. `allowed`: ends the sentence "wanted …". */
export function headerProblem(header: string, came: string, allowed: string): Problem {
  return new Problem({
    status: 400,
    code: 'header_invalid',
    detail: `Cannot read the header ${header}: wanted ${allowed}; got ${JSON.stringify(came.slice(0, 80))}`,
    extra: { field: header, allowed },
  })
}
