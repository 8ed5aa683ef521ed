import { createHash } from 'node:crypto'
import type { Trigger } from '../../../runtime/contract/invocation.ts'

/** What one call of a modelled function does: half of its computing, its waiting, the other half. */
export interface Work {
  readonly cpuMs: number
  readonly waitMs: number
  /** CPU to make a sandbox where none is warm. */
  readonly coldCpuMs: number
  /** Memory of a sandbox, which counts against the worker's budget. */
  readonly sandboxMb: number
}

export interface ModelledFunction extends Work {
  readonly tenant: string
  readonly name: string
  readonly versionId: string
  readonly memoryMb: number
  readonly concurrency: number
  readonly trigger: Trigger
  readonly weight: number
}

/** A function that mostly waits and costs nothing to start, unless told otherwise. */
export function modelledFunction(tenant: string, name: string, changes: Partial<ModelledFunction> = {}): ModelledFunction {
  const versionId = createHash('sha256').update(`${tenant}/${name}`).digest('hex').slice(0, 16)
  const model = { cpuMs: 1, waitMs: 9, coldCpuMs: 0, sandboxMb: 4, memoryMb: 64, concurrency: 1, trigger: 'rpc', weight: 1 } as const
  return { tenant, name, versionId, ...model, ...changes }
}

/** `count` functions of one tenant that differ in nothing but their names. */
export function modelledFunctions(tenant: string, count: number, changes: Partial<ModelledFunction> = {}): ModelledFunction[] {
  return Array.from({ length: count }, (_, n) => modelledFunction(tenant, `f${n}`, changes))
}
