import type { Store } from './open-store.ts'

const CHANNEL = 'isolane:changes'

/** Somebody who keeps copies of what is in the store. */
export interface ChangeListener {
  /** `key` is `function:<tenant>/<name>`, `tenant:<name>` or `key:<sha256>`. */
  changed(key: string): void
  /** News may have been missed: forget everything. */
  missed(): void
}

/**
 * Tells the listeners of every change in the store, over a connection of its own. While that is cut they keep what they have,
 * so that functions stay callable without the store; as soon as news flow again they are told to forget it.
 */
export async function watchStoreChanges(store: Store, listeners: readonly ChangeListener[]): Promise<AsyncDisposable> {
  // Subscribing by hand on each `ready`: only then is it known when news flow again. News are waited for as long as it takes.
  const news = store.duplicate({ autoResubscribe: false, commandTimeout: undefined, maxRetriesPerRequest: null })
  news.on('error', () => {})
  news.on('message', (_channel: string, message: string) => {
    for (const listener of listeners) listener.changed(message)
  })
  const subscribe = async () => {
    await news.subscribe(CHANNEL)
    for (const listener of listeners) listener.missed()
  }
  await news.connect()
  await subscribe()
  // A subscription that fails was cut again, and the next `ready` repeats it.
  news.on('ready', () => void subscribe().catch(() => {}))
  return {
    async [Symbol.asyncDispose]() {
      news.disconnect()
    },
  }
}

export async function publishChange(store: Store, key: string): Promise<void> {
  await store.publish(CHANNEL, key)
}
