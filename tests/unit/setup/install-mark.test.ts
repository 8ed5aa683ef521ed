import { describe, expect, it } from 'vitest'
import { installMark } from '../../../infra/setup/install-mark.mjs'

const BASE = { packageJson: JSON.stringify({ scripts: { start: 'x' }, dependencies: { hono: '4' } }), lock: '{}', platform: 'linux', arch: 'x64' }

describe('the done-mark of an install', () => {
  it('stays the same while nothing that reaches node_modules changes', () => {
    const packageJson = JSON.stringify({ scripts: { start: 'y' }, description: 'new', dependencies: { hono: '4' } })
    expect(installMark({ ...BASE, packageJson })).toBe(installMark(BASE))
  })

  it.each([
    ['the lockfile', { lock: '{"lockfileVersion":3}' }],
    ['the platform, as in a folder shared with a container', { platform: 'darwin' }],
    ['the processor', { arch: 'arm64' }],
    ['a dependency', { packageJson: JSON.stringify({ dependencies: { hono: '5' } }) }],
    ['an override', { packageJson: JSON.stringify({ dependencies: { hono: '4' }, overrides: { a: '1' } }) }],
    ['the list of packages that may run scripts', { packageJson: JSON.stringify({ dependencies: { hono: '4' }, allowScripts: { node: true } }) }],
    ['a dependency that became a development one', { packageJson: JSON.stringify({ devDependencies: { hono: '4' } }) }],
  ])('changes with %s', (_what, change) => {
    expect(installMark({ ...BASE, ...change })).not.toBe(installMark(BASE))
  })
})
