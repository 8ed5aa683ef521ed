import { describe, expect, test } from 'vitest'
import { AREAS } from './areas.ts'
import { TESTS_ROOT, testsArePresent } from './bring-tests.ts'
import { surprises } from './expectations.ts'
import { runAreas } from './run-area.ts'
import { reachesItsRate } from './table.ts'

/** Said twice: the reporter may hide the names of skipped tests. */
function notRun(why: string): void {
  console.warn(`NOT RUN: ${why}`)
  test.skip(`NOT RUN: ${why}`, () => {})
}

describe('the Web Platform Tests', async () => {
  if (!testsArePresent()) {
    notRun('the Web Platform Tests are not here; npm run test:wpt brings them and runs them')
    return
  }
  for (const { name, slow } of AREAS) if (slow) notRun(`${name} takes minutes; npm run test:wpt -- ${name} runs it`)

  for (const run of await runAreas(
    TESTS_ROOT,
    AREAS.filter(({ slow }) => slow === undefined),
  )) {
    const { name, required } = run.area
    if (run.results.size === 0) {
      notRun(`${name} is not in the source that the Web Platform Tests came from`)
      continue
    }
    test(`${name}: what fails is exactly what is listed, with a reason`, () => {
      expect(surprises(run.expectations, run.results)).toEqual([])
    })
    test(`${name}: at least ${required * 100} % of its subtests pass`, () => {
      expect(reachesItsRate(run), `${run.counts.passed} of ${run.counts.subtests}`).toBe(true)
    })
  }
})
