import { networkInterfaces } from 'node:os'

/** Every address this machine's interfaces have now. */
export function machineAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address.replace(/%.*$/, '')) ?? [])
}
