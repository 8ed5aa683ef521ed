import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { npmCi, npmEnvironment } from '../../../infra/setup/npm-command.mjs'

const ROOT = '/project'

describe('the environment of the nested npm', () => {
  it('keeps how to reach the registry', () => {
    const env = {
      npm_config_registry: 'https://npm.example/',
      npm_config_https_proxy: 'http://proxy:3128',
      npm_config_cafile: '/ca.pem',
      npm_config_cache: '/cache',
      npm_config_userconfig: '/home/me/.npmrc',
      'npm_config_//npm.example/:_authToken': 'token',
      'npm_config_@acme:registry': 'https://acme.example/',
      HTTPS_PROXY: 'http://proxy:3128',
      HOME: '/home/me',
    }
    expect(npmEnvironment(env, ROOT)).toEqual({ ...env, PATH: '' })
  })

  it.each([
    ['npm_config_omit', 'dev'],
    ['npm_config_production', 'true'],
    ['NPM_CONFIG_IGNORE_SCRIPTS', 'true'],
    ['npm_config_ignore-scripts', 'true'],
    ['npm_config_prefix', '/elsewhere'],
    ['npm_config_local_prefix', '/elsewhere'],
    ['npm_config_workspace', 'a'],
    ['npm_config_dry_run', 'true'],
    ['npm_config_loglevel', 'silly'],
    ['npm_lifecycle_event', 'start'],
    ['npm_package_name', 'isolane'],
    ['npm_command', 'run-script'],
    ['npm_execpath', '/usr/lib/npm-cli.js'],
    ['INIT_CWD', '/elsewhere'],
    ['NODE_ENV', 'production'],
  ])('drops %s, which an outer `npm start` or the shell left there', (name, value) => {
    expect(npmEnvironment({ [name]: value, PATH: '/bin' }, ROOT)).toEqual({ PATH: '/bin' })
  })

  it('takes the folder out of PATH that holds the Node about to be replaced, and only that', () => {
    const PATH = `${ROOT}/node_modules/.bin:/other/node_modules/.bin:/usr/bin:${ROOT}/node_modules/.bin`
    expect(npmEnvironment({ PATH }, ROOT).PATH).toBe('/other/node_modules/.bin:/usr/bin')
  })

  it('changes nothing when applied to its own result', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (env) => {
        const once = npmEnvironment(env, ROOT)
        expect(npmEnvironment(once, ROOT)).toEqual(once)
      }),
    )
  })
})

describe('the nested npm', () => {
  it('is the one that runs us, with the Node that runs it', () => {
    const { command, args } = npmCi({ npm_execpath: '/lib/npm/bin/npm-cli.js', npm_node_execpath: '/usr/bin/node' }, ROOT)
    expect([command, ...args.slice(0, 2)]).toEqual(['/usr/bin/node', '/lib/npm/bin/npm-cli.js', 'ci'])
  })

  it.each([
    ['nobody', {}],
    ['another package manager', { npm_execpath: '/lib/pnpm.cjs', npm_node_execpath: '/usr/bin/node' }],
  ])('is the one on PATH when %s runs us', (_who, env) => {
    const { command, args } = npmCi(env, ROOT)
    expect([command, args[0]]).toEqual(['npm', 'ci'])
  })

  it('installs development packages, runs install scripts and does not mind an older Node, whatever an .npmrc says', () => {
    expect(npmCi({}, ROOT).args).toEqual(
      expect.arrayContaining(['--include=dev', '--ignore-scripts=false', '--engine-strict=false', `--prefix=${ROOT}`]),
    )
  })
})
