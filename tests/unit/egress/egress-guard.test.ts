import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EgressEntry, parseEgressAllow } from '../../../runtime/contract/egress-allow.ts'
import { type Dialer, dial } from '../../../runtime/egress/dial.ts'
import { EgressGuard } from '../../../runtime/egress/egress-guard.ts'
import { redisEntries } from '../../../runtime/egress/redis-entries.ts'

const entries = (text: string): readonly EgressEntry[] => {
  const parsed = parseEgressAllow(text)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return parsed
}
const guard = (allow = '', options: { deny?: string; own?: string[] } = {}) =>
  new EgressGuard({ allow: entries(allow), deny: entries(options.deny ?? ''), own: options.own ?? [] })
/** What the URL parser makes of a host, as fetch sees it. */
const hostOf = (host: string) => new URL(`http://${host}/`).hostname.replace(/^\[|\]$/g, '')

describe('without a setting', () => {
  test.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'all of loopback'],
    ['0.0.0.0', 'this host'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private to its end'],
    ['192.168.1.1', 'private'],
    ['169.254.169.254', 'link-local: cloud metadata'],
    ['100.64.0.1', 'shared by a carrier'],
    ['100.100.100.200', 'shared: a cloud’s metadata'],
    ['168.63.129.16', 'public by number, a cloud’s metadata'],
    ['192.0.0.192', 'reserved: a cloud’s metadata'],
    ['198.18.0.1', 'benchmarking'],
    ['192.0.2.1', 'documentation'],
    ['203.0.113.7', 'documentation'],
    ['192.88.99.1', '6to4 relays'],
    ['224.0.0.1', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback, mapped'],
    ['::ffff:a9fe:a9fe', 'metadata, mapped'],
    ['::127.0.0.1', 'loopback, the old compatible form'],
    ['64:ff9b::7f00:1', 'loopback behind NAT64'],
    ['64:ff9b:1::a00:1', 'private behind local NAT64'],
    ['2002:7f00:1::', 'loopback behind 6to4'],
    ['2001:0:1:2:3:4:5:6', 'Teredo'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local, with a zone'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'unique local: cloud metadata'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['100::1', 'discarded'],
    ['2001:db8::1', 'documentation'],
    ['3fff::1', 'documentation'],
    ['4000::1', 'outside of global unicast'],
    ['2130706433', 'not an address at all'],
    ['', 'nothing'],
  ])('%s is closed: %s', (address) => {
    expect(guard().mayReach(address, address, 443)).toBe(false)
  })

  test.each(['1.1.1.1', '8.8.8.8', '172.32.0.1', '100.128.0.1', '::ffff:8.8.8.8', '2606:4700:4700::1111', '2a00:1450::1'])(
    '%s is open',
    (address) => {
      expect(guard().mayReach(address, address, 443)).toBe(true)
    },
  )

  test.each([
    ['2130706433', '127.0.0.1'],
    ['0x7f000001', '127.0.0.1'],
    ['0x7f.0.0.1', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['0', '0.0.0.0'],
    ['127.0.0.1.', '127.0.0.1'],
    ['①②⑦.⓪.⓪.①', '127.0.0.1'],
    ['%31%32%37.0.0.1', '127.0.0.1'],
    ['[::ffff:7f00:1]', '::ffff:7f00:1'],
    ['[0:0:0:0:0:ffff:127.0.0.1]', '::ffff:7f00:1'],
  ])('the host %s is the address it stands for, and closed', (written, address) => {
    expect(hostOf(written)).toBe(address)
    expect(guard().mayReach(address, address, 80)).toBe(false)
  })

  test('this machine’s own addresses are closed even where they are public', () => {
    expect(guard('', { own: ['93.184.216.34', '2A00:1450:0::0001'] }).mayReach('93.184.216.34', '93.184.216.34', 80)).toBe(false)
    expect(guard('', { own: ['2A00:1450:0::0001'] }).mayReach('example.com', '2a00:1450::1', 80)).toBe(false)
    expect(guard('93.184.216.34:80', { own: ['93.184.216.34'] }).mayReach('93.184.216.34', '93.184.216.34', 80)).toBe(true)
  })

  test('the Fetch standard’s bad ports are closed, unless an entry names the port', () => {
    expect([22, 25, 53, 6667, 10080].map((port) => guard('*').mayUsePort('example.com', port))).toEqual([false, false, false, false, false])
    expect([80, 443, 6379, 8080].map((port) => guard().mayUsePort('example.com', port))).toEqual([true, true, true, true])
    expect(guard('10.0.0.0/8:25').mayUsePort('10.1.2.3', 25)).toBe(true)
    expect(guard('10.0.0.0/8:25').mayUsePort('11.1.2.3', 25)).toBe(false)
  })
})

describe('ISOLANE_EGRESS_ALLOW', () => {
  test.each([
    ['127.0.0.1:9000', '127.0.0.1', '127.0.0.1', 9000, true],
    ['127.0.0.1:9000', '127.0.0.1', '127.0.0.1', 9001, false],
    ['127.0.0.1', 'localhost', '127.0.0.1', 1, true],
    ['127.0.0.1', 'localhost', '::ffff:127.0.0.1', 1, true],
    ['::ffff:127.0.0.1', 'localhost', '127.0.0.1', 1, true],
    ['10.0.0.0/8', 'x', '10.255.0.1', 80, true],
    ['10.0.0.0/8', 'x', '11.0.0.1', 80, true],
    ['10.0.0.0/8', 'x', '192.168.0.1', 80, false],
    ['10.0.0.0/8:443', 'x', '10.0.0.1', 80, false],
    ['[::1]:9000', '::1', '::1', 9000, true],
    ['[fd00::/8]:9000', 'x', 'fd12::1', 9000, true],
    ['fd00::/8', 'x', 'fe80::1', 9000, false],
    ['localhost', 'localhost', '127.0.0.1', 80, true],
    ['localhost', '127.0.0.1', '127.0.0.1', 80, false],
    ['Minio.:9000', 'minio', '10.0.0.1', 9000, true],
    ['minio', 'minio.', '10.0.0.1', 9000, true],
    ['minio', 'xminio', '10.0.0.1', 9000, false],
    ['*', '169.254.169.254', '169.254.169.254', 80, true],
    ['*:8080', '127.0.0.1', '127.0.0.1', 80, false],
    [' 10.0.0.0/8 , localhost:1 ', 'localhost', '127.0.0.1', 1, true],
  ])('%s: %s at %s, port %i → %s', (allow, host, address, port, may) => {
    expect(guard(allow).mayReach(host, address, port)).toBe(may)
  })

  test('what is denied stays closed, whatever is allowed', () => {
    const closed = guard('*', { deny: '127.0.0.1:6379,redis' })
    expect(closed.mayReach('127.0.0.1', '127.0.0.1', 6379)).toBe(false)
    expect(closed.mayReach('redis', '10.0.0.7', 80)).toBe(false)
    expect(closed.mayReach('127.0.0.1', '127.0.0.1', 8080)).toBe(true)
  })

  test('the platform’s own Redis stays closed, where it has a port', () => {
    const closed = new EgressGuard({
      allow: entries('*'),
      deny: redisEntries(['redis://user:pass@10.0.0.7:6380/2', 'rediss://[fd00::7]', 'redis://redis:6379', '/run/redis.sock']),
    })
    expect(closed.mayReach('10.0.0.7', '10.0.0.7', 6380)).toBe(false)
    expect(closed.mayReach('other', '::ffff:10.0.0.7', 6380)).toBe(false)
    expect(closed.mayReach('fd00::7', 'fd00::7', 6379)).toBe(false)
    expect(closed.mayReach('redis', '10.0.0.8', 6379)).toBe(false)
    expect(closed.mayReach('10.0.0.7', '10.0.0.7', 80)).toBe(true)
  })

  test.each([
    ['10.0.0.0/33', 'is not a range'],
    ['10.0.0.1/8', 'which is 10.0.0.0/8'],
    ['fd00::/129', 'is not a range'],
    ['10.0.0/8', 'is not a range'],
    ['localhost/8', 'is not a range'],
    ['127.0.0.1:0', 'a port'],
    ['127.0.0.1:99999', 'a port'],
    ['127.0.0.1:http', 'a port'],
    ['[::1', '"["'],
    ['127.1', 'four decimal numbers'],
    ['0x7f000001', 'four decimal numbers'],
    ['300.1.1.1', 'four decimal numbers'],
    ['http://localhost', 'port'],
    ['a b', 'neither an address nor a host name'],
    ['*.internal', 'neither an address nor a host name'],
    ['fe80::1%eth0', 'neither an address nor a host name'],
    ['localhost,,', 'is an empty entry'],
  ])('%s is refused, with a reason', (text, problem) => {
    expect(parseEgressAllow(text)).toEqual({ problem: expect.stringContaining(problem) })
  })

  test('nothing allows nothing', () => {
    expect(parseEgressAllow(' ')).toEqual([])
  })
})

describe('what is dialled', () => {
  let server: Server
  let port: number
  let connections = 0
  beforeAll(async () => {
    server = createServer((_request, response) => response.end('reached'))
    server.on('connection', () => connections++)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterAll(() => server.close())

  const never = new AbortController().signal
  const dialer = (addresses: (() => readonly string[]) | undefined, allow = ''): Dialer => ({
    guard: guard(allow),
    timeoutMs: 2_000,
    resolve: async () => {
      if (addresses === undefined) throw new Error('a literal is not looked up')
      return addresses()
    },
  })

  test.each([false, true])('an address in the URL is refused before a connection is made (TLS: %s)', async (secure) => {
    connections = 0
    await expect(dial({ secure, host: '127.0.0.1', port }, dialer(undefined), never)).rejects.toThrow(
      '127.0.0.1 is an address that functions may not reach',
    )
    expect(connections).toBe(0)
  })

  test.each([false, true])('a name is refused for the address behind it, without telling which (TLS: %s)', async (secure) => {
    connections = 0
    const refused = await dial(
      { secure, host: 'evil.example', port },
      dialer(() => ['127.0.0.1']),
      never,
    ).catch((error: Error) => error.message)
    expect(refused).toBe(
      'evil.example resolves to an address that functions may not reach; ISOLANE_EGRESS_ALLOW, set in the environment of npm start, opens ranges',
    )
    expect(connections).toBe(0)
  })

  test.each(['127.0.0.1:1', '*:1'])('where %s opens another port, the refusal says that the port is the reason', async (allow) => {
    await expect(dial({ secure: false, host: '127.0.0.1', port }, dialer(undefined, allow), never)).rejects.toThrow(
      `127.0.0.1 is an address that functions may not reach on port ${port}; `,
    )
  })

  test('one private address among public ones is enough to refuse the name', async () => {
    await expect(
      dial(
        { secure: false, host: 'mixed.example', port },
        dialer(() => ['93.184.216.34', '127.0.0.1']),
        never,
      ),
    ).rejects.toThrow('resolves to')
  })

  test('a name that answers otherwise the second time is asked once only: what was checked is what is dialled', async () => {
    let asked = 0
    const rebinding = dialer(() => (asked++ === 0 ? ['127.0.0.1'] : ['10.0.0.1']), '127.0.0.1')
    const socket = await dial({ secure: false, host: 'rebinding.example', port }, rebinding, never)
    expect(socket.remoteAddress).toBe('127.0.0.1')
    expect(asked).toBe(1)
    socket.destroy()
  })

  test('the address that was reached is checked again', async () => {
    const trusting = new (class extends EgressGuard {
      asked = 0
      override mayReach() {
        return this.asked++ === 0
      }
    })({ allow: [] })
    const socket = dial({ secure: false, host: '127.0.0.1', port }, { ...dialer(undefined), guard: trusting }, never)
    await expect(socket).rejects.toThrow('may not reach')
    expect(trusting.asked).toBe(2)
  })

  test('a NAT64 stand-in beside a real address is left out, alone it is refused', async () => {
    const socket = await dial(
      { secure: false, host: 'both.example', port },
      dialer(() => ['64:ff9b::7f00:1', '127.0.0.1'], '127.0.0.1'),
      never,
    )
    expect(socket.remoteAddress).toBe('127.0.0.1')
    socket.destroy()
    await expect(
      dial(
        { secure: false, host: 'six.example', port },
        dialer(() => ['64:ff9b::7f00:1']),
        never,
      ),
    ).rejects.toThrow('may not reach')
  })

  test('a bad port is refused before the name is looked up', async () => {
    await expect(dial({ secure: false, host: 'mail.example', port: 25 }, dialer(undefined), never)).rejects.toThrow(
      'port 25 belongs to another protocol',
    )
  })

  test('whoever gives up while the name is looked up does not wait for it', async () => {
    const leaving = new AbortController()
    const dialled = dial(
      { secure: false, host: 'slow.example', port },
      { ...dialer(undefined), resolve: () => new Promise(() => {}) },
      leaving.signal,
    )
    leaving.abort(new Error('left'))
    await expect(dialled).rejects.toThrow('left')
  })
})
