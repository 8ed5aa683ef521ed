/** One promise of the lane, beside what was measured of it. */
export interface Row {
  readonly claim: string
  readonly figure: string
  /** undefined: a figure without an aim. */
  readonly met: boolean | undefined
}

/** The smallest value that at least this share of them do not exceed; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Jain, Chiu and Hawe 1984: 1 when all have the same, 1/n when one has everything. */
export function jainIndex(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0)
  const squares = shares.reduce((total, share) => total + share * share, 0)
  return squares === 0 ? Number.NaN : (sum * sum) / (shares.length * squares)
}

/** 'p50 3.1, p99 12 ms (400)'. */
export function spread(values: readonly number[]): string {
  const digits = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0))
  return `p50 ${digits(percentile(values, 0.5))}, p99 ${digits(percentile(values, 0.99))} ms (${values.length})`
}
