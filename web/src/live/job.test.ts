import { expect, it } from 'vitest'
import type { Job, Progress, TableOutcome } from '@/api/model'
import { withProgress, withTableProgress } from './job'

const zero: Progress = {
  total: -1,
  done: 0,
  created: 0,
  updated: 0,
  deleted: 0,
  unchanged: 0,
  failed: 0,
  conflicts: 0,
  unknown: 0,
  skipped: 0,
}
const outcome = (table_id: string): TableOutcome => ({
  table_id,
  state: 'running',
  progress: zero,
  warnings: [],
})

it('takes the counts of the job and of the one table over', () => {
  const told = { job_id: 'j', progress: { ...zero, done: 300 }, table_id: 'b', table: { ...zero, done: 200 } }
  expect(withProgress({ progress: zero } as Job, told).progress.done).toBe(300)
  const outcomes = withTableProgress([outcome('a'), outcome('b')], told)
  expect(outcomes.map(o => o.progress.done)).toEqual([0, 200])
})

it('leaves the tables alone when the event is of the whole job', () => {
  const outcomes = [outcome('a')]
  expect(withTableProgress(outcomes, { job_id: 'j', progress: zero })).toBe(outcomes)
})
