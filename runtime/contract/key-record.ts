/** A key as the cell hands it to the guest: `spec` and its sealed bytes, in the reply's body, are all that it needs to make the key again. */
export interface KeyRecord {
  /** Names it towards the cell, which remembers the keys used last. */
  readonly handle: number
  /** Type, extractability, algorithm and usages as JSON text; the guest keeps it as it is. */
  readonly spec: string
  /** Length of its sealed bytes in the reply's body. */
  readonly bytes: number
}
