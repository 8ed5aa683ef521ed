/** The guard said no. `about`: what it was about, without saying what is behind a name. */
export class EgressBlocked extends Error {
  constructor(what: 'address' | 'name' | 'port', about: string) {
    super(
      what === 'port'
        ? `port ${about} belongs to another protocol; ISOLANE_EGRESS_ALLOW opens it for an address where it is named with the port`
        : `${about} ${what === 'name' ? 'resolves to' : 'is'} an address that functions may not reach; ISOLANE_EGRESS_ALLOW opens ranges`,
    )
    this.name = 'EgressBlocked'
  }
}
