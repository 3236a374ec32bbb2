import { expect, it } from 'vitest'
import type { Job, TableOutcome } from '@/api/model'
import { withProgress, withTableProgress } from './job'
import type { LiveEvent } from './protocol'

const progress = {
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
const event = (data: LiveEvent['data']): LiveEvent => ({
  topic: 'job:j',
  id: 'e-1',
  type: 'job.progressed',
  origin: undefined,
  data,
})
const outcome = (table_id: string): TableOutcome => ({ table_id, state: 'running', progress, warnings: [] })

it('takes the counts of the job and of the one table over', () => {
  const told = event({ progress: { done: 300, total: 500 }, table_id: 'b', table: { done: 200 } })
  expect(withProgress({ progress } as Job, told).progress).toMatchObject({
    done: 300,
    total: 500,
    created: 0,
  })
  const page = withTableProgress({ items: [outcome('a'), outcome('b')] }, told)
  expect(page.items.map(o => o.progress.done)).toEqual([0, 200])
})

it('changes nothing when the event carries no counts', () => {
  const job = { progress } as Job
  const page = { items: [outcome('a')] }
  for (const data of [{}, { progress: null }, { progress: 3, table: [] }]) {
    expect(withProgress(job, event(data))).toBe(job)
    expect(withTableProgress(page, event(data))).toBe(page)
  }
})
