const SETTING = 'ISOLANE_EGRESS_ALLOW, set in the environment of npm start,'

/** The guard said no. `about`: what it was about, without saying what is behind a name. `closedPort`: the only reason, as the setting opens other ports of it. */
export class EgressBlocked extends Error {
  constructor(what: 'address' | 'name' | 'port', about: string, closedPort?: number) {
    super(
      what === 'port'
        ? `port ${about} belongs to another protocol; ${SETTING} opens it for an address where it is named with the port`
        : `${about} ${what === 'name' ? 'resolves to' : 'is'} an address that functions may not reach${
            closedPort === undefined ? `; ${SETTING} opens ranges` : ` on port ${closedPort}; ${SETTING} opens other ports of it only`
          }`,
    )
    this.name = 'EgressBlocked'
  }
}
