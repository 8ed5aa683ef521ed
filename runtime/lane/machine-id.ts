import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * The same for every process that could open this machine's sockets, and another one elsewhere: the kernel's boot, and the
 * host name, which tells containers of one kernel apart. Where there is no boot id, the host name alone.
 */
export function machineId(): string {
  return `${bootId()}@${hostname()}`
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return ''
  }
}
