import { type DrawnVerb, FUNCTIONS, GATEWAYS, TENANTS, VERSIONS, WORKERS } from './drawn-verbs.ts'
import { dumpOf } from './lane-dump.ts'
import { LaneInvariants } from './lane-invariants.ts'
import * as fleet from './model-fleet.ts'
import { unreadReplies } from './model-submit.ts'
import * as workers from './model-workers.ts'
import { at, StoryTeller } from './story-teller.ts'

/** One story of one lane, from its beginning to the end of everything in it. */
export class LaneStory extends StoryTeller {
  readonly #invariants = new LaneInvariants(this.lane)

  begin(): void {
    this.redis('SET', 'run', this.lane.run)
    for (const gateway of GATEWAYS) {
      this.lane.stream(`replies:${gateway}`).entries.push({ id: '0-1', fields: ['opened', gateway] })
      this.redis('XADD', `replies:${gateway}`, '0-1', 'opened', gateway)
    }
    for (const name of FUNCTIONS) this.tell('configure', [name, 1, 3], fleet.configure(this.lane, name, 1, 3))
    this.trustReap()
  }

  /** Says one verb, whatever it is at this moment, and holds the model to what must be true of a lane. */
  say(drawn: DrawnVerb): void {
    this.lane.now += drawn.passMs
    const calls = this.calls.length
    this.#told[drawn.say](drawn as never)
    this.#invariants.check(this.calls.length > calls ? this.calls.at(-1) : undefined, this.accepted)
  }

  /** What the lane in Redis has to hold by now. */
  look(): void {
    this.calls.push({ dump: dumpOf(this.lane) })
  }

  /** Everything ends: what waits is run, what runs is settled, who works leaves. */
  end(): void {
    this.lane.now += 2_000
    for (const fn of FUNCTIONS) this.say({ say: 'configure', passMs: 0, fn, older: false, cap: 100 })
    for (const tenant of TENANTS) this.say({ say: 'tenant', passMs: 0, tenant, older: false, weight: 1, waitMs: 0, moved: false })
    for (const worker of WORKERS) if (worker !== 'w1') this.say({ say: 'leave', passMs: 0, worker })
    this.say({ say: 'join', passMs: 0, worker: 'w1', capacityMb: 100_000, draining: false })
    const everything = Array.from({ length: 200 }, (_, i) => i)
    for (let turns = 0; this.lane.inv.size > 0; turns++) {
      if (turns > 50) throw new Error('What waits does not come to an end')
      const resident = { version: VERSIONS[0], riders: 0 }
      this.say({ say: 'settle', passMs: 0, worker: 'w1', picks: everything, cpuMs: 0, waitMs: 100, mark: '', resident })
      this.say({ say: 'beat', passMs: 0, worker: 'w1', more: 0, resident })
    }
    this.say({ say: 'leave', passMs: 0, worker: 'w1' })
  }

  readonly #told: { [K in DrawnVerb['say']]: (drawn: Extract<DrawnVerb, { say: K }>) => void } = {
    submit: ({ gateway, items }) =>
      this.submit(
        gateway,
        items.map((drawn) => this.newItem(gateway, drawn)),
        false,
      ),
    'submit again': ({ gateway, picks }) => {
      const mine = this.sent.filter(({ head }) => head.gateway === gateway && !this.answered.has(head.key))
      this.submit(gateway, [...new Set(picks.flatMap((n) => at(mine, n)))], true)
    },
    repeat: ({ gateway, picks }) => {
      const over = this.sent.filter(({ head }) => head.gateway === gateway && !this.lane.inv.has(head.key))
      this.submit(
        gateway,
        [...new Set(picks.flatMap((n) => at(over, n)))].map((item) => this.nextAttempt(item)),
        false,
      )
    },
    settle: ({ worker, picks, resident, ...stats }) => {
      const keys = [...new Set(picks.flatMap((n) => at([...this.lane.leasesOf(worker).keys()], n)))]
      this.settle(worker, keys, stats, `${resident.version}=${resident.riders}`, new Map([[resident.version, resident.riders]]))
    },
    'settle again': ({ worker, picks }) =>
      this.settle(
        worker,
        picks.flatMap((n) => at(this.settled, n)),
        { cpuMs: 1, waitMs: 1, mark: '' },
        '',
        new Map(),
      ),
    nack: ({ worker, picks, less, number: drawn }) => {
      const capacity = Math.max(0, (this.lane.workers.get(worker)?.capacity ?? 0) - less)
      const items = picks.flatMap((n) => at([...this.lane.leasesOf(worker).keys()], n)).map((key) => ({ key, payload: 'nacked' }))
      const epoch = this.epochOf(worker)
      const number = drawn === 'next' ? (this.lane.nacked.get(worker)?.[1] ?? 0) + 1 : drawn
      const args = [worker, epoch, capacity, number, ...items.flatMap(({ key, payload }) => [key, payload])]
      this.tell('nack', args, workers.nack(this.lane, worker, epoch, capacity, number, items))
    },
    cancel: ({ picks }) => {
      const keys = picks.flatMap((n) => at(this.sent, n)).map(({ head }) => head.key)
      if (keys.length > 0) this.tell('cancel', keys, fleet.cancel(this.lane, keys))
    },
    join: ({ worker, capacityMb, draining }) => {
      const old = this.epochOf(worker)
      const state = draining ? 'd' : 'r'
      this.lastRead.delete(worker)
      this.tell('join', [worker, capacityMb, 1_000, '{}', state], fleet.join(this.lane, worker, capacityMb, state))
      this.beat(worker, old, 1, '', new Map())
    },
    beat: ({ worker, more, resident }) => {
      const capacity = Math.max(0, (this.lane.workers.get(worker)?.capacity ?? 0) + more)
      this.beat(worker, this.epochOf(worker), capacity, `${resident.version}=${resident.riders}`, new Map([[resident.version, resident.riders]]))
    },
    drain: ({ worker, back }) => {
      const state = back ? 'r' : 'd'
      this.tell('drain', [worker, state], workers.drain(this.lane, worker, state))
    },
    leave: ({ worker }) => {
      const epoch = this.epochOf(worker)
      this.tell('leave', [worker, epoch], fleet.leave(this.lane, worker, epoch))
    },
    read: ({ worker }) => {
      const inbox = this.lane.streams.get(`inbox:${worker}`)
      if (inbox === undefined) return
      const unread = inbox.entries.filter(({ id }) => workers.isAfter(id, this.lane.delivered.get(worker) as string))
      const expected = unread.length === 0 ? null : [[`${this.prefix}inbox:${worker}`, unread.map(({ id, fields }) => [id, fields])]]
      const key = `${this.prefix}inbox:${worker}`
      this.calls.push({ command: ['xreadgroup', 'GROUP', 'worker', 'w', 'NOACK', 'STREAMS', key, '>'], expected })
      const last = unread.at(-1)?.id
      if (last === undefined) return
      this.lane.delivered.set(worker, last)
      this.lastRead.set(worker, last)
    },
    'read replies': ({ gateway }) => {
      for (const key of unreadReplies(this.lane, gateway, this.lastReply.get(gateway) ?? '')) this.answered.add(key)
      this.lastReply.set(gateway, this.lane.streams.get(`replies:${gateway}`)?.entries.at(-1)?.id ?? '')
    },
    reap: ({ dead }) => {
      this.trustReap()
      for (const id of new Set(dead)) this.silence(id)
      this.tell('reap', [], fleet.reap(this.lane))
    },
    configure: ({ fn, older, cap }) => {
      const revision = older ? this.revision - 1 : ++this.revision
      this.tell('configure', [fn, revision, cap], fleet.configure(this.lane, fn, revision, cap))
    },
    tenant: ({ tenant, older, weight, waitMs, moved }) => {
      const revision = older ? this.revision - 1 : ++this.revision
      const to = moved ? 'elsewhere' : ''
      this.tell('tenant', [tenant, revision, weight, to, waitMs], fleet.tenant(this.lane, tenant, revision, weight, to, waitMs))
    },
    forget: ({ picks }) => {
      const items = picks.flatMap((n) => at(this.sent, n)).map(({ head }) => ({ fn: head.fn, key: head.idem === '' ? head.key : head.idem }))
      if (items.length === 0) return
      const args = items.flatMap(({ fn, key }) => [fn, key])
      this.tell('forget', args, fleet.forget(this.lane, items))
    },
    known: ({ gateway, picks }) => {
      const keys = picks.flatMap((n) => at(this.sent, n)).map(({ head }) => head.key)
      if (keys.length === 0) return
      const lastReply = this.lastReply.get(gateway) ?? ''
      const answered = unreadReplies(this.lane, gateway, lastReply)
      this.tell(
        'known',
        [gateway, lastReply, ...keys],
        keys.map((key) => (answered.has(key) || this.lane.inv.has(key) ? 1 : 0)),
      )
    },
    starting: ({ workers: coming }) => {
      Object.assign(this.lane.sum, { starting: coming, startingAt: this.lane.now })
      for (const name of ['starting', 'startingAt']) this.lane.written.add(name)
      this.redis('HSET', 'sum', 'starting', coming, 'startingAt', this.lane.now)
    },
    restart: () => {
      this.redis('SET', 'run', 'another')
      fleet.wake(this.lane)
      this.tell('wake', [], this.lane.run)
    },
    reconcile: (drawn) => this.reconcile(drawn),
  }
}
