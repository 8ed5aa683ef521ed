import { setTimeout as pause } from 'node:timers/promises'
import type { Deployment } from './deployment.ts'
import { pick, shuffled } from './random.ts'

interface Trouble {
  /** Its lane or store may go back in time by what was not yet on disk. */
  readonly rollsBack?: true
  /** Resolves when it is over, as far as it is the suite's business. */
  readonly strike: (deployment: Deployment, random: () => number) => Promise<void>
}

const PAUSE_MS = 5_000
const HOLE_MS = 3_000
/** What a crash of the machine would take of a file that goes to disk every second. */
const FORGOTTEN_MS = 1_000

/** Everything that is done to a deployment, by name. */
export const TROUBLES = {
  'kill -9 a worker': { strike: async (deployment, random) => kill(deployment.workers, random) },
  'kill -9 a cell': { strike: async (deployment, random) => kill(deployment.cells, random) },
  'kill -9 a gateway': { strike: async ({ gateways }, random) => pick(gateways, random).kill() },
  'kill -9 the controller': { strike: async ({ controller }) => controller.kill() },
  'kill -9 the ledger': { strike: async (deployment, random) => kill(deployment.ledgers, random) },
  'pause a worker for 5 s': { strike: async (deployment, random) => await stopFor(deployment.workers, random) },
  'kill -9 the lane’s Redis': {
    rollsBack: true,
    strike: async ({ lane }) => {
      await lane.kill()
      await lane.startAgain()
    },
  },
  'kill -9 the lane’s Redis, and take its last second': {
    rollsBack: true,
    strike: async ({ lane }) => {
      const written = await lane.writtenBytes()
      await pause(FORGOTTEN_MS)
      await lane.kill()
      await lane.forget(Math.max(0, (await lane.writtenBytes()) - written))
      await lane.startAgain()
    },
  },
  'restart the lane’s Redis': {
    strike: async ({ lane }) => {
      await lane.stop()
      await lane.startAgain()
    },
  },
  'pause the lane’s Redis for 5 s': { strike: async ({ lane }) => await lane.freeze(PAUSE_MS) },
  'kill -9 the store’s Redis': {
    strike: async ({ store }) => {
      await store.kill()
      await store.startAgain()
    },
  },
  'cut every connection to the lane': { strike: async ({ proxy }) => void proxy.cutAll() },
  'kill every connection without a word': { strike: async ({ proxy }) => proxy.strandAll() },
  'pass nothing to the lane for 3 s': { strike: async ({ proxy }) => await proxy.blackHole(HOLE_MS) },
} as const satisfies Record<string, Trouble>

export type TroubleName = keyof typeof TROUBLES

export interface Struck {
  readonly name: TroubleName
  /** Milliseconds since 1970. */
  readonly at: number
  over: number
}

/** Each name once, in a random order, over and over, until there are `count`. */
export function chooseTroubles(names: readonly TroubleName[], count: number, random: () => number): TroubleName[] {
  const chosen: TroubleName[] = []
  while (chosen.length < count) chosen.push(...shuffled(names, random))
  return chosen.slice(0, count)
}

export async function strike(name: TroubleName, deployment: Deployment, random: () => number): Promise<Struck> {
  const struck = { name, at: Date.now(), over: 0 }
  await TROUBLES[name].strike(deployment, random)
  struck.over = Date.now()
  return struck
}

function kill(pids: readonly number[], random: () => number): void {
  // Between two lives of a controller there is nobody to kill.
  if (pids.length > 0) send(pick(pids, random), 'SIGKILL')
}

async function stopFor(pids: readonly number[], random: () => number): Promise<void> {
  if (pids.length === 0) return
  const pid = pick(pids, random)
  send(pid, 'SIGSTOP')
  await pause(PAUSE_MS)
  send(pid, 'SIGCONT')
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
