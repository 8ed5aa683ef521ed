import { isName, NAME_RULE } from './names.ts'

/** A value that crossed a boundary did not have the shape the contract gives it. */
export class ContractError extends TypeError {
  constructor(field: string, value: unknown, wanted: string) {
    super(`Cannot read ${field}: wanted ${wanted}, got ${preview(value)}`)
    this.name = 'ContractError'
  }
}

function preview(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

export function asObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ContractError(field, value, 'an object')
  return value as Record<string, unknown>
}

export function asString(value: unknown, field: string): string {
  if (typeof value !== 'string') throw new ContractError(field, value, 'a string')
  return value
}

export function asName(value: unknown, field: string): string {
  if (!isName(value)) throw new ContractError(field, value, NAME_RULE)
  return value
}

export function asInteger(value: unknown, field: string, min: number, max: number): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max) {
    throw new ContractError(field, value, `an integer from ${min} to ${max}`)
  }
  return value as number
}

export function asNumber(value: unknown, field: string, min = 0): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < min) throw new ContractError(field, value, `a number of at least ${min}`)
  return value
}
