import type { EgressEntry } from '../contract/egress-allow.ts'
import { createFetch } from './fetch.ts'
import { createInvoke, type InvokeBeside } from './invoke.ts'
import { createKv } from './kv.ts'
import type { HostOperation } from './operation.ts'
import { pipeOperations } from './pipe-operations.ts'
import { redisEntries } from './redis-entries.ts'

export interface OperationsOptions {
  readonly laneUrl: string
  readonly storeUrl: string
  readonly dataDir: string
  readonly egressAllow: readonly EgressEntry[]
  readonly invokeBeside: InvokeBeside
  readonly onError: (error: Error) => void
}

/** Everything a worker does on behalf of functions: the page that lists their "system calls". */
export function openOperations(options: OperationsOptions): { readonly operations: ReadonlyMap<string, HostOperation> } & Disposable {
  const kv = createKv(options)
  const fetch = createFetch({ allow: options.egressAllow, deny: redisEntries([options.laneUrl, options.storeUrl]) })
  return {
    operations: new Map([...pipeOperations, ...Object.entries(kv.operations), ['fetch', fetch], ['invoke', createInvoke(options.invokeBeside)]]),
    [Symbol.dispose]() {
      kv.close()
      fetch[Symbol.dispose]()
    },
  }
}
