import { MAIN_LANE } from '../../runtime/contract/lanes.ts'
import { MAX_DECISIONS } from '../autoscaler/decision-log.ts'
import { jsonAnswer, linesAnswer } from './answers.ts'
import type { Operation, Schema, Subject } from './document.ts'
import { epochMs, integer, list, map, name, number, object, orNull, ref, text } from './schema.ts'
import { v1Operation } from './v1-operation.ts'

const LANE = { name: 'lane', in: 'query', schema: name('A lane of ISOLANE_LANES') } as const

const WORKERS: Operation = v1Operation({
  operationId: 'listWorkers',
  summary: 'List the workers',
  scope: 'admin',
  parameters: [{ ...LANE, description: 'Only those of this lane.' }],
  answers: {
    200: jsonAnswer('By lane and id.', ref('Workers'), {
      workers: [
        {
          lane: 'main',
          id: 'w-1',
          state: 'ready',
          pid: 4242,
          capacityMb: 4096,
          freeMb: 4088,
          freeCpuMilli: 955,
          running: 1,
          cells: 1,
          sandboxes: 3,
          rssMb: 96,
          walls: ['uid', 'netns'],
          beatAgeMs: 120,
        },
      ],
      unreachable: [],
    }),
  },
  curl: 'curl "$URL/v1/workers" \\\n  -H "Authorization: Bearer $KEY"',
})

const DECISION_EXAMPLE = {
  at: 1767225600000,
  target: 2,
  start: 1,
  drain: 0,
  terms: {
    memory: { fast: 1.4, stable: 0.3, backlog: 0, floor: 1.6, need: 1.6 },
    cpu: { fast: 1.1, stable: 0.2, backlog: 0, floor: 1.2, need: 1.2 },
  },
  limits: [],
  reason: 'Grow from 1 to 2: work waits.',
}

const AUTOSCALER: Operation = v1Operation({
  operationId: 'readAutoscaler',
  summary: 'Read the autoscaler',
  description: 'Its parameters, its last decision and the lane’s signals of now. The first three are `null` until a controller has spoken.',
  scope: 'admin',
  parameters: [{ ...LANE, description: `Of which lane; default \`${MAIN_LANE}\`.` }],
  refusals: { 503: ['lane_unreachable'] },
  answers: {
    200: jsonAnswer('As of now.', ref('Autoscaler'), {
      lane: 'main',
      lanes: ['main'],
      config: { minWorkers: 1, maxWorkers: 4, targetUtilisation: 0.8 },
      state: { controller: 'c-5f70bf18a086', at: 1767225600000, workers: { ready: 1, starting: 1, draining: 0, ending: 0 } },
      decision: DECISION_EXAMPLE,
      signals: { now: 1767225600042, queued: 3, inFlight: 16, arrivals: 1200, settled: 1181, refused: 0 },
    }),
  },
  curl: 'curl "$URL/v1/autoscaler" \\\n  -H "Authorization: Bearer $KEY"',
})

const DECISIONS: Operation = v1Operation({
  operationId: 'listDecisions',
  summary: 'List scaling decisions',
  description: `The newest ${MAX_DECISIONS} that changed something, newest first, each with all it was made from.`,
  scope: 'admin',
  parameters: [{ ...LANE, description: 'Only those of this lane.' }],
  answers: {
    200: linesAnswer(
      'One a line.',
      ref('DecisionEntry'),
      `${JSON.stringify({ lane: 'main', cause: 'poke', observation: { ready: [], starting: 0 }, decision: DECISION_EXAMPLE })}\n`,
    ),
  },
  curl: 'curl "$URL/v1/autoscaler/decisions" \\\n  -H "Authorization: Bearer $KEY"',
})

const TERMS: Schema = object({
  fast: number('For what ran in the last seconds.'),
  stable: number('For what ran in the last minute.'),
  backlog: number('To work off what waits.'),
  floor: number('While work waits: the workers there are, and those the backlog needs.'),
  need: number('The largest of them.'),
})

const COUNTS = ['ready', 'starting', 'draining', 'ending'] as const

export const FLEET: Subject = {
  name: 'Fleet',
  description: 'Who works, and why there are so many. For admin keys: all tenants share it.',
  paths: {
    '/v1/workers': { get: WORKERS },
    '/v1/autoscaler': { get: AUTOSCALER },
    '/v1/autoscaler/decisions': { get: DECISIONS },
  },
  schemas: {
    Workers: object({
      workers: list(ref('Worker'), 'By lane and id.'),
      unreachable: list(name('A lane’s name'), 'Lanes that do not answer: what works there is not shown.'),
    }),
    Worker: object({
      lane: name('The lane it serves'),
      id: text('The worker.'),
      state: text('`stale`: not heard of just now.', { enum: ['ready', 'draining', 'stale'] }),
      pid: integer('Its process; 0 while unknown.'),
      capacityMb: integer('Memory it offers.'),
      freeMb: integer('Memory not booked.'),
      freeCpuMilli: integer('CPU not booked, in thousandths of a core.'),
      running: integer('Calls it has now.'),
      cells: integer('Processes that hold sandboxes.'),
      sandboxes: integer('Functions loaded.'),
      rssMb: number('Memory its processes take.'),
      walls: list(text('A wall.'), 'What stands around tenants’ code.'),
      beatAgeMs: integer('Since it was last heard of.'),
    }),
    Decision: object({
      at: epochMs('On the lane’s clock.'),
      target: integer('Workers there shall be.'),
      start: integer('To start now.'),
      drain: integer('To drain now.'),
      terms: object({ memory: TERMS, cpu: TERMS }),
      limits: list(text('Such as `max` or `hold-down`.'), 'What held it back from what the terms say.'),
      reason: text('One sentence for people.'),
    }),
    DecisionEntry: object({
      lane: name('The lane it was for'),
      cause: text('The clock, or work that waits.', { enum: ['tick', 'poke'] }),
      observation: { type: 'object', description: 'Signals and workers as it saw them.' },
      decision: ref('Decision'),
    }),
    Autoscaler: object({
      lane: name('The lane all this is of'),
      lanes: list(name('A lane’s name'), 'All there are.'),
      config: orNull(map({}, 'Parameters of the law.')),
      state: orNull(
        object({
          controller: text('Which one speaks.'),
          at: epochMs('When.'),
          workers: object(Object.fromEntries(COUNTS.map((state) => [state, integer('Workers.')]))),
        }),
      ),
      decision: orNull(ref('Decision')),
      signals: map(number('A counter, a gauge, or an integral over time.'), 'The lane’s, since it began.'),
    }),
  },
}
