import { describe, expect, it } from 'vitest'
import type { Plan, PlanCounts } from '@/api/model'
import { filtersFor, planChip, summary, toSend } from './words'

const none: PlanCounts = {
  creates: 0,
  updates: 0,
  deletes: 0,
  planned: 0,
  sending: 0,
  applied: 0,
  failed: 0,
  conflicts: 0,
  unknown: 0,
  skipped: 0,
  blocked: 0,
}

describe('a plan', () => {
  it('says what it does', () => {
    expect(summary({ ...none, creates: 1, deletes: 1200 })).toBe('1 new, 1,200 deleted')
    expect(summary(none)).toBe('no changes')
  })

  it('does not count what is blocked as sent', () => {
    expect(toSend({ ...none, planned: 5, blocked: 2 })).toBe(3)
  })

  it('offers only filters that show something else than all', () => {
    expect(filtersFor({ ...none, updates: 3 }).map(f => f.label)).toEqual(['All 3'])
    expect(filtersFor({ ...none, updates: 3, creates: 1, failed: 2 }).map(f => f.label)).toEqual([
      'All 4',
      'New 1',
      'Changed 3',
      'Failed 2',
    ])
  })

  it('is not called published when records were left behind', () => {
    const plan = (counts: PlanCounts) => ({ state: 'applied', counts }) as Plan
    expect(planChip(plan({ ...none, applied: 3 })).word).toBe('published')
    for (const left of ['failed', 'conflicts', 'unknown'] as const) {
      expect(planChip(plan({ ...none, applied: 3, [left]: 1 })).word).toBe('published in part')
    }
  })
})
