export interface Differences {
  readonly missing: readonly string[]
  readonly twice: readonly string[]
  readonly strange: readonly string[]
}

export const NO_DIFFERENCES: Differences = { missing: [], twice: [], strange: [] }

/** How `got` differs from having each of `wanted` once: a thousand right ones are not worth printing for the sake of a wrong one. */
export function differences(wanted: Iterable<string>, got: Iterable<string>): Differences {
  const counts = new Map<string, number>()
  for (const key of got) counts.set(key, (counts.get(key) ?? 0) + 1)
  const all = new Set(wanted)
  return {
    missing: [...all].filter((key) => !counts.has(key)).sort(),
    twice: [...counts].flatMap(([key, times]) => (times > 1 ? [`${key} ${times} times`] : [])).sort(),
    strange: [...counts.keys()].filter((key) => !all.has(key)).sort(),
  }
}
