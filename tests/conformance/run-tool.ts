import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

/** Runs a program and returns what it wrote. Throws, with the end of what it said, when it is missing or fails. */
export async function runTool(program: string, args: readonly string[], timeoutMs: number, cwd = process.cwd()): Promise<string> {
  const env = { ...process.env, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' }
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs, killSignal: 'SIGKILL' })
  const [output, said, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  if (code !== 0) throw new Error(`${program} ${args[0]} failed: ${said.trim().split('\n').at(-1) || `code ${code}`}`)
  return output
}
