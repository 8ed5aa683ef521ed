/**
 * Stands in for a worker where only the process matters. STAND_IN says how it behaves:
 *   (absent)   waits; SIGTERM or the parent's end: leaves
 *   crash      dies at once, with a word on stderr
 *   stubborn   ignores SIGTERM
 *   litter     starts a child of its own that would outlive it, and tells its pid
 * Tells its parent nothing else; writes what a test must know to stderr.
 */
import { spawn } from 'node:child_process'

const mode = process.env.STAND_IN

if (mode === 'crash') {
  console.error('cannot start today')
  process.exit(3)
}

process.on('SIGTERM', () => {
  if (mode !== 'stubborn') process.exit(0)
})
process.on('disconnect', () => process.exit(0))

if (mode === 'litter') {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  console.error(`litter ${child.pid}`)
}
console.error(`up ${process.env.ISOLANE_WORKER_ID}`)
