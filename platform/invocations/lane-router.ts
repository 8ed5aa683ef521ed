import type { Trigger } from '../../runtime/contract/invocation.ts'
import type { LaneReply } from '../../runtime/lane/lane-reply.ts'
import type { Submission } from '../../runtime/lane/submission.ts'
import { lanesLeft, pauseLeftMs } from '../registry/tenant.ts'
import type { TenantPlacement, Tenants } from '../registry/tenant-directory.ts'

/** A way into one lane. */
export interface OpenLane {
  /** Whether answers come back for what is submitted now. */
  readonly isOpen: boolean
  readonly submitter: {
    submit(submission: Submission): Promise<LaneReply>
    cancel(id: string, attempt: number): void
    forget(fn: string, id: string, attempt: number): Promise<void>
  }
}

/** A submission whose tenant says where it goes. */
export interface RoutedSubmission extends Omit<Submission, 'tenantSettings'> {
  readonly tenantSettings: TenantPlacement
}

export interface LaneRouterDeps {
  readonly lanes: ReadonlyMap<string, OpenLane>
  readonly tenants: Pick<Tenants, 'fresh'>
  readonly onError: (error: Error) => void
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number
}

const UNREACHABLE: LaneReply = { kind: 'refused', reason: 'unreachable' }
const CANCELLED: LaneReply = { kind: 'verdict', outcome: { kind: 'cancelled' } }

/** A lane keeps what became of these, so that the same attempt or key does not run twice. */
const KEPT_TRIGGERS: ReadonlySet<Trigger> = new Set(['async', 'schedule'])

/** Every lane behind the face of one: a submission goes where its tenant is. */
export class LaneRouter {
  readonly #deps: LaneRouterDeps
  readonly #now: () => number
  /** `id/attempt` → whether its caller has left: between two lanes neither would know. */
  readonly #underWay = new Map<string, { cancelled: boolean }>()

  constructor(deps: LaneRouterDeps) {
    this.#deps = deps
    this.#now = deps.now ?? Date.now
  }

  /** An attempt that is under way already is joined, not run again. */
  async submit(submission: RoutedSubmission): Promise<LaneReply> {
    const { id, attempt } = submission.invocation
    const key = `${id}/${attempt}`
    const way = { cancelled: false }
    this.#underWay.set(key, way)
    try {
      return await this.#goThrough(submission, way)
    } finally {
      if (this.#underWay.get(key) === way) this.#underWay.delete(key)
    }
  }

  /** Changes nothing for what has been answered. */
  cancel(id: string, attempt: number): void {
    const way = this.#underWay.get(`${id}/${attempt}`)
    if (way !== undefined) way.cancelled = true
    // Each lane’s submitter knows what it waits for, so nobody else need remember.
    for (const { submitter } of this.#deps.lanes.values()) submitter.cancel(id, attempt)
  }

  /** The answer of an asynchronous invocation is safe elsewhere. It is in the tenant's lane, or in one it has left. */
  async forget(fn: string, id: string, attempt: number): Promise<void> {
    await Promise.all([...this.#deps.lanes.values()].map(({ isOpen, submitter }) => (isOpen ? submitter.forget(fn, id, attempt) : undefined)))
  }

  async #goThrough(submission: RoutedSubmission, way: { readonly cancelled: boolean }): Promise<LaneReply> {
    const startedAt = performance.now()
    for (const lane of this.#formerLanes(submission)) {
      // Should that lane have missed or lost the order to take no more, it hears it with this.
      const { weight, revision, lane: movedTo } = submission.tenantSettings
      const reply = await lane.submitter.submit({ ...submission, tenantSettings: { weight, revision, movedTo } })
      if (!hasMoved(reply)) return reply
      if (way.cancelled) return CANCELLED
    }
    const reply = await this.#submitTo(submission.tenantSettings, submission)
    if (!hasMoved(reply)) return reply
    // Not accepted there: submitting it elsewhere runs it once.
    const settings = await this.#newSettings(submission, reply.lane)
    if (way.cancelled) return CANCELLED
    const deadlineMs = submission.deadlineMs - (performance.now() - startedAt)
    if (settings === undefined || deadlineMs <= 0) return reply
    return await this.#submitTo(settings, { ...submission, deadlineMs })
  }

  /** Of what may not run twice: the lanes its tenant has left within a day, which may know it. One that is away cannot be asked, and holds nothing up. */
  #formerLanes({ invocation, idempotency, tenantSettings }: RoutedSubmission): OpenLane[] {
    if (tenantSettings.left === undefined || (idempotency === undefined && !KEPT_TRIGGERS.has(invocation.trigger))) return []
    return lanesLeft(tenantSettings, this.#now()).flatMap((name) => {
      const lane = this.#deps.lanes.get(name)
      return lane?.isOpen === true ? [lane] : []
    })
  }

  async #newSettings({ invocation, tenantSettings }: RoutedSubmission, movedTo: string | undefined): Promise<TenantPlacement | undefined> {
    try {
      return await this.#deps.tenants.fresh(invocation.tenant)
    } catch (error) {
      // Without the store the old lane’s word is enough.
      this.#deps.onError(error as Error)
      return movedTo === undefined ? undefined : { ...tenantSettings, lane: movedTo }
    }
  }

  async #submitTo(settings: TenantPlacement, submission: RoutedSubmission): Promise<LaneReply> {
    const lane = this.#deps.lanes.get(settings.lane)
    if (lane === undefined) {
      const { tenant } = submission.invocation
      this.#deps.onError(new Error(`Cannot call functions of ${tenant}: its lane "${settings.lane}" is not in ISOLANE_LANES`))
    }
    if (lane === undefined || !lane.isOpen) return UNREACHABLE
    if (settings === submission.tenantSettings && settings.moving === undefined) return await lane.submitter.submit(submission)
    const { weight, revision } = settings
    const pausedMs = pauseLeftMs(settings, this.#now())
    return await lane.submitter.submit({ ...submission, tenantSettings: { weight, revision, pausedMs } })
  }
}

function hasMoved(reply: LaneReply): reply is Extract<LaneReply, { kind: 'refused' }> {
  return reply.kind === 'refused' && reply.reason === 'moved'
}
