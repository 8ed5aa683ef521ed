import { isAbsolute } from 'node:path'
import { isName, NAME_RULE } from './names.ts'

/** The lane there always is, and where tenants go that ask for no other. */
export const MAIN_LANE = 'main'

export const MAX_LANES = 64

/** A lane, and where it lives: `redis://…`, `rediss://…` or the absolute path of a unix socket. */
export interface LaneAddress {
  readonly name: string
  readonly url: string
}

/** As the setting says it. `url` undefined: in the common Redis. */
export interface LaneSetting {
  readonly name: string
  readonly url: string | undefined
}

export const LANES_WANTED = `1 to ${MAX_LANES} lanes, separated by commas, each a name or name=redis://host:port, with "${MAIN_LANE}" among them`

export const REDIS_URL_WANTED = 'redis://host:port, rediss://… or the absolute path of a unix socket'

export function isRedisUrl(text: string): boolean {
  return isAbsolute(text) || /^rediss?:\/\/./.test(text)
}

/** The text of ISOLANE_LANES as lanes, or in words what is wrong with it; of an address only whose it is, for it may hold a password. Empty text: `main` alone. */
export function parseLanes(text: string): readonly LaneSetting[] | { readonly problem: string } {
  if (text.trim() === '') return [{ name: MAIN_LANE, url: undefined }]
  const lanes: LaneSetting[] = []
  for (const word of text.split(',').map((part) => part.trim())) {
    const equals = word.indexOf('=')
    const name = equals === -1 ? word : word.slice(0, equals)
    const url = equals === -1 ? undefined : word.slice(equals + 1)
    if (!isName(name as unknown)) return { problem: `${JSON.stringify(name.slice(0, 80))} is not a lane’s name, which is ${NAME_RULE}` }
    if (url !== undefined && !isRedisUrl(url)) return { problem: `what follows "${name}=" is not ${REDIS_URL_WANTED}` }
    if (lanes.some((lane) => lane.name === name)) return { problem: `"${name}" is there twice` }
    lanes.push({ name, url })
  }
  if (lanes.length > MAX_LANES) return { problem: `${lanes.length} lanes are too many` }
  if (!lanes.some(({ name }) => name === MAIN_LANE)) return { problem: `"${MAIN_LANE}" is not among them` }
  return lanes
}

/** Where each lane is: those without a Redis of their own are in this one. */
export function laneAddresses(lanes: readonly LaneSetting[], commonUrl: string): readonly LaneAddress[] {
  return lanes.map(({ name, url }) => ({ name, url: url ?? commonUrl }))
}
