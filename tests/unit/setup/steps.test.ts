import { describe, expect, it } from 'vitest'
import { stepEnvironment, stepsFor } from '../../../infra/setup/steps.mjs'

const steps = (command: string | undefined, args: string[] = [], roles?: string) =>
  stepsFor({ command, args, root: '/project', cwd: '/project/tests', roles })?.map((step) => step.args.join(' '))

describe('what the launcher runs', () => {
  it('for start is the platform, with its arguments', () => {
    expect(steps('start', ['--x'])).toEqual(['/project/platform/main.ts --x'])
    expect(steps('start', [], 'gateway,worker')).toEqual(['/project/platform/main.ts'])
  })

  it('for start as a worker alone is the runtime', () => {
    expect(steps('start', [], ' worker ')).toEqual(['/project/runtime/main.ts'])
  })

  it('for test is types, lint and tests, the tests last', () => {
    const all = steps('test') ?? []
    expect(all).toHaveLength(4)
    expect(all[0]).toMatch(/tsc -p \/project$/)
    expect(all[1]).toMatch(/tsc -p \/project\/runtime\/prelude$/)
    expect(all[2]).toMatch(/biome check \/project$/)
    expect(all[3]).toMatch(/vitest\.mjs run$/)
  })

  it('for test with arguments is those tests alone', () => {
    expect(steps('test', ['tests/unit', '-t', 'name'])).toEqual(['/project/node_modules/vitest/vitest.mjs run tests/unit -t name'])
  })

  it('for run is a file, named from where the caller stands', () => {
    expect(steps('run', ['bench/cold.ts', '10'])).toEqual(['/project/tests/bench/cold.ts 10'])
    expect(steps('run')).toBeUndefined()
  })

  it.each([undefined, '', 'stop'])('for %j is nothing', (command) => {
    expect(steps(command)).toBeUndefined()
  })

  it('is tied to the life of the launcher where it is a program of ours', () => {
    const lifelines = (command: string, args: string[]) =>
      stepsFor({ command, args, root: '/', cwd: '/', roles: undefined })?.map((step) => step.lifeline)
    expect(lifelines('start', [])).toEqual([true])
    expect(lifelines('test', ['x'])).toEqual([false])
  })
})

describe('the environment of what it runs', () => {
  const env = { HOME: '/home/me', ISOLANE_PORT: '9', REDIS_URL: 'redis://mine', DATABASE_URL: 'postgres://mine' }

  it('for start is the own one and the server found', () => {
    expect(stepEnvironment('start', env, '/usr/bin/redis-server')).toEqual({ ...env, ISOLANE_REDIS_BINARY: '/usr/bin/redis-server' })
    expect(stepEnvironment('start', env, undefined)).toEqual(env)
  })

  it("for test has none of the person's own settings", () => {
    expect(stepEnvironment('test', env, '/usr/bin/redis-server')).toEqual({ HOME: '/home/me', ISOLANE_REDIS_BINARY: '/usr/bin/redis-server' })
  })
})
