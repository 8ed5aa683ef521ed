import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { StartError } from '../start-error.ts'
import { askServer } from './ask-server.ts'
import { endWithParent } from './end-with-parent.ts'
import { type ServerPlace, type ServerRole, serverArguments } from './server-arguments.ts'

const LOOK_EVERY_MS = 10
const PROGRESS_AFTER_MS = 2_000
/** To listen, not to load: a server that answers LOADING is waited for as long as it takes. */
const LISTEN_WITHIN_MS = 30_000
const CLEAN_STOP_WITHIN_MS = 10_000
const LAST_WORDS_LINES = 12

/** What a server needs of a logger; pino's fits. */
export interface RedisLog {
  info(message: string): void
  warn(message: string): void
}

export interface ServerExit {
  readonly role: ServerRole
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last lines it printed. */
  readonly lastWords: string
}

/** One private Redis server as a child process. */
export interface RedisServer {
  readonly role: ServerRole
  readonly socket: string
  readonly pid: number
  /** Resolves when the process is gone, asked to or not. */
  readonly exited: Promise<ServerExit>
  /** Resolves when it answers commands. @throws {StartError} with its last words when it ends before that */
  ready(): Promise<void>
  /** Writes everything to disk and ends it. May be called again, and after it has ended. */
  stop(): Promise<void>
}

/** @throws {StartError} when the program cannot be started at all */
export function spawnRedisServer(binary: string, place: ServerPlace, log: RedisLog): RedisServer {
  const { role, socket } = place
  const { command, args } = endWithParent(binary, serverArguments(place))
  // A session of its own: Ctrl-C in a terminal must reach the platform, which still needs its Redis for what it has accepted.
  const child = spawn(command, args, { cwd: '/', detached: true, env: { PATH: process.env.PATH }, stdio: ['ignore', 'pipe', 'pipe'] })
  const { promise: exited, resolve } = Promise.withResolvers<ServerExit>()
  const lastWords: string[] = []
  let state: 'starting' | 'ready' | 'stopping' = 'starting'

  for (const stream of [child.stdout, child.stderr]) {
    createInterface(stream).on('line', (line) => {
      lastWords.push(line)
      if (lastWords.length > LAST_WORDS_LINES) lastWords.shift()
      // Its warnings at start are about kernel settings of the machine, at the end about its ending.
      if (state === 'ready' && / # /.test(line)) log.warn(`Redis (${role}): ${line}`)
    })
  }
  child.once('error', (error) => lastWords.push(error.message))
  child.once('close', (code, signal) => resolve({ role, code, signal, lastWords: lastWords.join('\n') }))
  if (child.pid === undefined) throw new StartError(`Cannot start the Redis server ${binary}: no such program, or it may not be run.`)

  return {
    role,
    socket,
    pid: child.pid,
    exited,
    async ready() {
      const settled = new AbortController()
      try {
        await Promise.race([answers(place, log, settled.signal), exited.then(failToStart)])
        state = 'ready'
      } finally {
        settled.abort()
      }
    },
    async stop() {
      state = 'stopping'
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), CLEAN_STOP_WITHIN_MS)
      await exited.finally(() => clearTimeout(timer))
    },
  }

  function failToStart(exit: ServerExit): never {
    throw new StartError(
      `The Redis server for the ${role} ended while starting (${exit.signal ?? `code ${exit.code}`}):\n${exit.lastWords}\n` +
        `Its files are in ${place.folder}. If they are damaged: redis-check-aof --fix ${place.folder}/appendonlydir/appendonly.aof.manifest`,
    )
  }
}

async function answers({ role, socket, folder }: ServerPlace, log: RedisLog, signal: AbortSignal): Promise<void> {
  const beganMs = performance.now()
  for (let said = false; ; await wait(LOOK_EVERY_MS, undefined, { signal })) {
    const answer = await askServer(socket, 'PING')
    if (answer?.startsWith('+PONG')) return
    const waitedMs = performance.now() - beganMs
    if (answer === undefined && waitedMs > LISTEN_WITHIN_MS) throw new StartError(`The Redis server for the ${role} (${folder}) does not answer.`)
    if (waitedMs < PROGRESS_AFTER_MS || said) continue
    log.info(`Waiting for Redis (${role}), which reads ${folder} …`)
    said = true
  }
}
