import { describe, expect, it } from 'vitest'
import { redisInstallPlan } from '../../../infra/setup/redis-install-plan.mjs'

type Rights = 'root' | 'sudo' | 'none'
const plan = (program: string, rights: Rights, aptListsEmpty = false) => redisInstallPlan({ has: (name) => name === program, rights, aptListsEmpty })
const commands = (program: string, rights: Rights, aptListsEmpty = false) =>
  plan(program, rights, aptListsEmpty)?.plan.attempts.map((attempt) => attempt.map((command) => command.join(' ')))

const APT_INSTALL = 'env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 redis-tools'
const APT_UPDATE = 'apt-get update -o DPkg::Lock::Timeout=120'

describe('installing a Redis server', () => {
  it('on Debian takes redis-tools, which brings no service, and updates the lists only when that fails', () => {
    expect(commands('apt-get', 'root')).toEqual([[APT_INSTALL], [APT_UPDATE, APT_INSTALL]])
  })

  it('on a Debian without package lists updates them first, once', () => {
    expect(commands('apt-get', 'root', true)).toEqual([[APT_UPDATE, APT_INSTALL]])
  })

  it('uses sudo only where it asks for no password', () => {
    expect(commands('apt-get', 'sudo')?.[0]).toEqual([`sudo -n ${APT_INSTALL}`])
    expect(plan('apt-get', 'none')).toMatchObject({ may: false })
    expect(plan('apt-get', 'sudo')).toMatchObject({ may: true })
  })

  it('knows apk, dnf and brew', () => {
    expect(commands('apk', 'root')).toEqual([['apk add redis']])
    expect(commands('dnf', 'root')).toEqual([['dnf install -y valkey'], ['dnf install -y redis']])
    expect(commands('brew', 'none')).toEqual([['brew install valkey']])
  })

  it('runs Homebrew as an ordinary user only', () => {
    expect(plan('brew', 'none')).toMatchObject({ may: true })
    expect(plan('brew', 'root')).toMatchObject({ may: false })
  })

  it('gives a person a command that fits who they are', () => {
    expect(plan('apt-get', 'none')?.plan.byHand).toContain('sudo apt-get install')
    expect(plan('apt-get', 'root')?.plan.byHand).not.toContain('sudo')
  })

  it('is given up where no known package manager is', () => {
    expect(plan('pacman', 'root')).toBeUndefined()
  })

  it('never starts or enables a service', () => {
    for (const program of ['apt-get', 'apk', 'dnf', 'brew']) {
      for (const rights of ['root', 'sudo', 'none'] as const) {
        expect(JSON.stringify(plan(program, rights))).not.toMatch(/systemctl|rc-update|rc-service|brew services|enable|redis-server/)
      }
    }
  })
})
