/** A schedule cannot be as it was written: which field, what it may be, what came. */
export class ScheduleError extends Error {
  readonly field: string
  readonly allowed: string

  constructor(field: string, wanted: string, value: unknown) {
    super(`Cannot read ${field}: wanted ${wanted}, got ${preview(value)}`)
    this.name = 'ScheduleError'
    this.field = field
    this.allowed = wanted
  }
}

function preview(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
