import { type Attack, asynchronous, CPU, MEMORY, OUTPUT, ROOMY, returned, reveal, threw, WALL } from './attack.ts'

/** Every one of these URLs must be refused before anything is sent. */
const reaches = (idea: string, ...urls: string[]): Attack => ({
  idea,
  source: reveal(...urls.map((url) => `(await fetch(${JSON.stringify(url)})).status`)),
  may: [returned(urls.map(() => 'TypeError'))],
  radius: 'sandbox',
})
const tries = (idea: string, source: string, may: readonly string[], more: Partial<Attack> = {}): Attack => ({
  idea,
  source,
  may,
  radius: 'sandbox',
  ...more,
})

/** What may a function reach from where the platform stands? Nothing of the machine, whatever it calls it. */
export const outside: readonly Attack[] = [
  reaches(
    'asks the machine itself, in every spelling of IPv4',
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
  ),
  reaches('asks the machine in full-width digits and dots', 'http://１２７.０.０.１/', 'http://127。0。0。1/', 'http://127%2e0%2e0%2e1/'),
  reaches('asks the machine in IPv6', 'http://[::1]/', 'http://[::]/', 'http://[0:0:0:0:0:0:0:1]/', 'http://[fe80::1]/', 'http://[fd00::1]/'),
  reaches(
    'asks IPv4 in the clothes of IPv6',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[::127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://[2001:0:7f00:1::]/',
  ),
  reaches('asks a name of the machine', 'http://localhost/', 'http://LOCALHOST./', 'http://a.localhost/', 'http://localhost:9000/'),
  reaches(
    'asks the metadata services of clouds',
    'http://169.254.169.254/',
    'http://[fd00:ec2::254]/',
    'http://168.63.129.16/',
    'http://100.100.100.200/',
  ),
  reaches(
    'asks private, shared and test networks',
    'http://10.0.0.1/',
    'http://172.16.0.1/',
    'http://192.168.0.1/',
    'http://100.64.0.1/',
    'http://198.18.0.1/',
  ),
  reaches('asks addresses that are none', 'http://0.0.0.0/', 'http://0/', 'http://224.0.0.1/', 'http://255.255.255.255/', 'http://240.0.0.1/'),
  reaches('asks other protocols’ ports', 'http://1.1.1.1:22/', 'http://1.1.1.1:25/', 'http://1.1.1.1:6000/', 'http://1.1.1.1:10080/'),
  reaches(
    'asks by other schemes',
    'file:///etc/passwd',
    'ftp://1.1.1.1/',
    'unix:/tmp/x.sock',
    'gopher://127.0.0.1/',
    'ws://127.0.0.1/',
    'http+unix://x/',
  ),
  reaches('hides the host behind a user name', 'http://1.1.1.1@127.0.0.1/', 'http://127.0.0.1#@1.1.1.1/', 'http://127.0.0.1\\@1.1.1.1/'),
  tries(
    'writes a second request into a header, a method or a path',
    reveal(
      '(await fetch("http://127.0.0.1/", { headers: { "x-a": "1\\r\\nhost: b" } })).status',
      '(await fetch("http://127.0.0.1/", { headers: { "x-a\\r\\nhost": "b" } })).status',
      '(await fetch("http://127.0.0.1/", { method: "GET / HTTP/1.1\\r\\n\\r\\nGET" })).status',
      '(await fetch("http://127.0.0.1/\\r\\nx: y")).status',
      '(await fetch("http://127.0.0.1/", { method: "CONNECT" })).status',
    ),
    [returned(['TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError'])],
  ),
  tries(
    'makes more requests than it may',
    asynchronous(
      'const all = await Promise.allSettled(Array.from({ length: 200 }, () => fetch("http://127.0.0.1/"))); return all.filter(({ reason }) => /has made/.test(reason?.message)).length',
    ),
    [returned(150)],
  ),
  tries(
    'starts requests for ever, one after the other',
    asynchronous('for (let i = 0; ; i++) await fetch("http://127.0.0.1/" + i).catch(() => {})'),
    [CPU, WALL],
  ),
  tries(
    'gives up requests as fast as it makes them',
    asynchronous(
      'for (let i = 0; i < 400; i++) { const c = new AbortController(); fetch("http://127.0.0.1/", { signal: c.signal }).catch(() => {}); c.abort() } return "done"',
    ),
    [returned('done'), CPU, threw('RangeError')],
  ),
  tries(
    'uploads a body that never ends to nobody',
    asynchronous(
      'const piece = new Uint8Array(65536); const body = new ReadableStream({ pull(c) { c.enqueue(piece) } }); await fetch("http://127.0.0.1/", { method: "POST", body, duplex: "half" })',
    ),
    [threw('TypeError'), CPU, WALL, OUTPUT],
  ),
  tries(
    'gives its headers a million names',
    asynchronous('const h = new Headers(); for (let i = 0; i < 1e6; i++) h.append("x" + i, "y"); await fetch("http://127.0.0.1/", { headers: h })'),
    [CPU, MEMORY, threw('TypeError')],
    { settings: ROOMY },
  ),
  tries(
    'makes its own prototype the options of a request',
    reveal(
      '(await fetch("http://127.0.0.1/", JSON.parse(`{"__proto__": {"method": "PUT"}, "headers": {"__proto__": "x"}}`))).status',
      '(Object.prototype.url = "http://127.0.0.1/", Object.prototype.followed = -1, (await fetch("http://10.0.0.1/")).status)',
    ),
    [returned(['TypeError', 'TypeError'])],
  ),
]
