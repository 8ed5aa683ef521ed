import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    exclude: ['tests/browser/**', 'tests/bench/**'],
    // Real processes on machines of any speed: a test that hangs is ended, no test is timed.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Isolates live in this process in the prelude's tests (see isolated-vm's README for the flag).
    execArgv: ['--no-node-snapshot'],
    // Each flow test starts a whole platform: more of them at once than cores would only wait for each other.
    maxWorkers: 2,
  },
})
