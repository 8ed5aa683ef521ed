import { expect, test } from 'vitest'
import { auditCell, type CellAccounts } from '../../../runtime/worker/cell-audit.ts'

const START: CellAccounts = { now: 0, cpuMs: 100, chargedMs: 0, slices: 0, sandboxes: 2, busyForMs: 0, rssMb: 40 }
const later = (over: Partial<CellAccounts>): CellAccounts => ({ ...START, now: 1_000, ...over })

test('a cell whose slices explain its CPU owes nothing', () => {
  const audit = auditCell(START, later({ cpuMs: 700, chargedMs: 580, slices: 100 }), 0)
  expect(audit).toMatchObject({ surplusMs: 0, rogue: false })
})

test('what a cell needs for itself is not charged: frames and sandboxes', () => {
  expect(auditCell(START, later({ cpuMs: 1_090, chargedMs: 10, slices: 9_500, sandboxes: 3 }), 0).surplusMs).toBe(0)
  expect(auditCell(START, later({ cpuMs: 220, sandboxes: 10 }), 0)).toMatchObject({ surplusMs: 0, rogue: false })
})

test('a cell that says less than the kernel is charged the rest', () => {
  // 600 ms, of which it said 100: 20 are its own, and a tenth for each of ten slices.
  expect(auditCell(START, later({ cpuMs: 700, chargedMs: 100, slices: 10 }), 0)).toMatchObject({ surplusMs: 479, balanceMs: 0 })
})

test('a slice that still runs is not charged twice: its CPU waits for its end', () => {
  const running = auditCell(START, later({ cpuMs: 600, busyForMs: 480 }), 0)
  expect(running).toMatchObject({ surplusMs: 0, rogue: false })
  const ended = auditCell(
    later({ cpuMs: 600, busyForMs: 480 }),
    { ...later({ cpuMs: 620, chargedMs: 500, slices: 1 }), now: 2_000 },
    running.balanceMs,
  )
  expect(ended.surplusMs).toBe(0)
})

test('quiet times do not pay for wild ones', () => {
  let balance = 0
  for (let i = 0; i < 100; i++) balance = auditCell(START, later({}), balance).balanceMs
  expect(auditCell(START, later({ cpuMs: 1_100, chargedMs: 100, slices: 10 }), balance).surplusMs).toBeGreaterThan(800)
})

test('a cell that computes or grows although it owes nothing is none of ours any more', () => {
  expect(auditCell(START, later({ cpuMs: 300 }), 0).rogue).toBe(true)
  expect(auditCell(START, later({ rssMb: 110 }), 0).rogue).toBe(true)
  expect(auditCell(START, later({ cpuMs: 120, rssMb: 60 }), 0).rogue).toBe(false)
  // Asked for something meanwhile, or still at it: that is for the kill clock to judge.
  expect(auditCell(START, later({ cpuMs: 300, slices: 1 }), 0).rogue).toBe(false)
  expect(auditCell(START, later({ cpuMs: 300, busyForMs: 5 }), 0).rogue).toBe(false)
})
