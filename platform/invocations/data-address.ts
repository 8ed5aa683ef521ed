import type { Redis } from 'ioredis'
import { type DataAddress, dataAddressKey } from '../../runtime/contract/data.ts'

const TTL_MS = 30_000
const KEEP_ALIVE_MS = 5_000

export interface DataAddressOptions {
  /** Of the lane, ready. */
  readonly redis: Redis
  /** Of the lane (lane/scripts.ts). */
  readonly prefix: string
  readonly gatewayId: string
  readonly address: DataAddress
  readonly onError: (error: Error) => void
}

/** Tells workers where this gateway takes data connections, for as long as it lives. Resolves when it has been told. */
export async function publishDataAddress({ redis, prefix, gatewayId, address, onError }: DataAddressOptions): Promise<AsyncDisposable> {
  const key = dataAddressKey(prefix, gatewayId)
  const text = JSON.stringify(address)
  const tell = async (): Promise<void> => void (await redis.set(key, text, 'PX', TTL_MS))
  const again = (): void => void tell().catch(onError)
  await tell()
  // A Redis that comes back may have lost it.
  redis.on('ready', again)
  const timer = setInterval(again, KEEP_ALIVE_MS)
  timer.unref()
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      redis.off('ready', again)
      await redis.del(key).catch(onError)
    },
  }
}
