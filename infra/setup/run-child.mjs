import { spawn } from 'node:child_process'

const FORWARDED = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

// Ctrl-C reaches us twice, from the terminal and from npm, a few milliseconds apart. Two presses are further apart than this.
const SAME_SIGNAL_WITHIN_MS = 300

/**
 * Runs a program to its end and hands it the signals we get.
 *
 * The child has a session of its own: a Ctrl-C then reaches it once and from here, not its Redis, workers and cells all at the same time
 * while it still has requests to answer.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{
 *   cwd: string,
 *   env: Readonly<Record<string, string | undefined>>,
 *   output: 'inherit' | 'collect',
 *   lifeline?: boolean,
 *   onStart?: (pid: number) => void,
 * }} options `collect`: print nothing, give it back. `lifeline`: an IPC channel that carries nothing; its closing tells the child that this
 *   process is gone, even by SIGKILL.
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null, output: string, interruptedBy: NodeJS.Signals | undefined }>}
 *   rejects when the program cannot be started
 */
export async function runChild(command, args, { cwd, env, output, lifeline = false, onStart }) {
  const collect = output === 'collect'
  const out = collect ? 'pipe' : 'inherit'
  const child = spawn(command, args, {
    cwd,
    env,
    detached: true,
    stdio: [collect ? 'ignore' : 'inherit', out, out, ...(lifeline ? /** @type {const} */ (['ipc']) : [])],
  })

  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (piece) => {
      text += piece
    })
  }

  /** @type {NodeJS.Signals | undefined} */
  let interruptedBy
  let lastAtMs = Number.NEGATIVE_INFINITY
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    const nowMs = performance.now()
    if (signal === interruptedBy && nowMs - lastAtMs < SAME_SIGNAL_WITHIN_MS) return
    interruptedBy = signal
    lastAtMs = nowMs
    child.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, forward)

  try {
    return await new Promise((resolve, reject) => {
      child.once('spawn', () => onStart?.(/** @type {number} */ (child.pid)))
      child.once('error', reject)
      child.once('close', (code, signal) => resolve({ code, signal, output: text, interruptedBy }))
    })
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward)
  }
}

/**
 * Ends this process the way a child ended, so that whoever waits for us sees the same.
 *
 * @param {{ code: number | null, signal: NodeJS.Signals | null }} end
 */
export function endLike({ code, signal }) {
  if (signal !== null) process.kill(process.pid, signal)
  process.exit(code ?? 1)
}
