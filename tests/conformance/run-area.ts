import type { Area } from './areas.ts'
import { countNotApplicable, type Expectations, readExpectations, reasonNotApplicable } from './expectations.ts'
import { type Progress, runSuite } from './run-suite.ts'
import { type TestFile, testFilesOf } from './test-file.ts'
import type { FileResult } from './test-isolate.ts'

export interface AreaRun {
  readonly area: Area
  readonly expectations: Expectations
  readonly results: ReadonlyMap<string, FileResult>
  readonly counts: Counts
}

export interface Counts {
  /** Files that apply, and those left out. */
  readonly files: number
  readonly leftOut: number
  readonly subtests: number
  /** Of files that were run: not counted in `subtests`. */
  readonly subtestsLeftOut: number
  readonly passed: number
}

/** Runs what applies of some areas, all in one queue. An area whose tests are not in the source has no files. */
export async function runAreas(root: string, areas: readonly Area[], progress?: Progress): Promise<AreaRun[]> {
  const plans = areas.map((area) => {
    const expectations = readExpectations(area.name)
    const all = testFilesOf(root, area)
    return { area, expectations, all, files: all.filter((file) => whyNot(expectations, file) === undefined) }
  })
  const results = await runSuite(
    root,
    plans.flatMap(({ files }) => files),
    progress,
  )
  return plans.map(({ area, expectations, all, files }) => {
    const own = new Map(files.map(({ id }) => [id, results.get(id) as FileResult]))
    return { area, expectations, results: own, counts: { ...count(own, countNotApplicable(expectations, own)), leftOut: all.length - files.length } }
  })
}

function whyNot(expectations: Expectations, file: TestFile): string | undefined {
  return file.notForUs ?? reasonNotApplicable(expectations, file.path)
}

/** A file that did not end well counts as one more subtest, failed. */
function count(results: ReadonlyMap<string, FileResult>, subtestsLeftOut: number): Omit<Counts, 'leftOut'> {
  let subtests = -subtestsLeftOut
  let passed = 0
  for (const result of results.values()) {
    subtests += result.subtests.length + (result.harness === undefined ? 0 : 1)
    passed += result.subtests.filter(({ status }) => status === 'pass').length
  }
  return { files: results.size, subtests, subtestsLeftOut, passed }
}
