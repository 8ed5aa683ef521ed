import type { EgressEntry } from '../contract/egress-allow.ts'
import { redisEntries } from '../egress/redis-entries.ts'
import { createFetch } from './fetch.ts'
import { createInvoke, type InvokeBeside } from './invoke.ts'
import { createKv } from './kv.ts'
import type { HostOperation } from './operation.ts'
import { pipeOperations } from './pipe-operations.ts'
import { TenantBytes } from './tenant-bytes.ts'

export interface OperationsOptions {
  readonly storeUrl: string
  /** What no function may reach, whatever `egressAllow` says. */
  readonly redisUrls: readonly string[]
  readonly dataDir: string
  readonly egressAllow: readonly EgressEntry[]
  readonly invokeBeside: InvokeBeside
  readonly onError: (error: Error) => void
}

export interface Operations extends Disposable {
  readonly operations: ReadonlyMap<string, HostOperation>
  /** What all of them hold for each tenant. */
  readonly tenantBytes: TenantBytes
}

/** Everything a worker does on behalf of functions: the page that lists their "system calls". */
export function openOperations(options: OperationsOptions): Operations {
  const tenantBytes = new TenantBytes()
  const kv = createKv(options)
  const fetch = createFetch({ allow: options.egressAllow, deny: redisEntries(options.redisUrls) })
  return {
    tenantBytes,
    operations: new Map([
      ...pipeOperations,
      ...Object.entries(kv.operations),
      ['fetch', fetch],
      ['invoke', createInvoke(options.invokeBeside, tenantBytes)],
    ]),
    [Symbol.dispose]() {
      kv.close()
      fetch[Symbol.dispose]()
    },
  }
}
