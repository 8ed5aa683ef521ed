import { describe, expect, it } from 'vitest'
import { explainInstallFailure } from '../../../infra/setup/install-failure.mjs'

const explain = (output: string, proxy?: string) => explainInstallFailure(output, { root: '/project', proxy })

describe('a failed install', () => {
  it.each([
    [
      'npm error code ENOTFOUND\nnpm error network request to https://npm.example/hono failed',
      /registry cannot be reached/,
      /npm config set registry/,
    ],
    ['npm error code ECONNREFUSED', /registry cannot be reached/, /npm config set https-proxy/],
    ['npm error code EACCES\nnpm error syscall mkdir', /\/project cannot be written to/, /chown/],
    ['npm error code EROFS', /cannot be written to/, /folder of your own/],
    [
      'node: error while loading shared libraries: libatomic.so.1: cannot open shared object file',
      /needs libatomic\.so\.1/,
      /apt-get install -y libatomic1/,
    ],
    ['npm error code ENOSPC', /disk is full/, /free about/],
    ['npm error code SELF_SIGNED_CERT_IN_CHAIN', /certificate is not trusted/, /cafile/],
    ['npm error code E404\nnpm error 404 Not Found - GET hono', /does not have it/, /npm config set registry/],
    ['npm error code EUSAGE\nnpm error `npm ci` can only install', /do not agree/, /git checkout/],
    ['npm error code E407', /the proxy that npm is set to use/, /npm config delete proxy/],
    ['Segmentation fault', /npm ended with the error above/, /npm ci/],
  ])('that ends with %j is explained, with ways out', (output, what, way) => {
    const words = explain(output)
    expect(words).toMatch(what)
    expect(words).toMatch(way)
  })

  it('behind a proxy names the proxy, without its password', () => {
    const words = explain('npm error code ECONNREFUSED', 'http://me:secret@proxy.example:3128')
    expect(words).toContain('http://proxy.example:3128')
    expect(words).not.toContain('secret')
  })
})
