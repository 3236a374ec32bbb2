/** The demo snapshot of `scratch dev`, with its posts downloaded. */

import { expect } from 'vitest'
import { api, type Watched } from './browser'

interface Named {
  id: string
  name: string
}
interface Table extends Named {
  record_count: number
  remote_id: string
  connection_id: string
  columns: { id: string; name: string; kind: string; read_only?: boolean }[]
}
interface Job {
  id: string
  state: string
  final: boolean
}

export interface Demo {
  snapshot: Named
  table: Table
  /** A text column that can be edited. */
  column: { id: string; name: string }
}

/** Finds the demo's posts and downloads them where nobody did yet. */
export async function demo(watched: Watched): Promise<Demo> {
  const [snapshot] = (await api<{ items: Named[] }>(watched, 'GET', '/snapshots')).items
  if (!snapshot) throw new Error('scratch dev made no demo snapshot')
  const posts = async () =>
    (await api<{ items: Table[] }>(watched, 'GET', `/snapshots/${snapshot.id}/tables`)).items.find(t =>
      /posts/i.test(t.remote_id),
    )
  let table = await posts()
  if (!table) throw new Error('the demo snapshot has no posts')
  if (table.record_count === 0) {
    const { job } = await api<{ job: Job }>(watched, 'POST', `/snapshots/${snapshot.id}/download`, {
      tables: [table.id],
    })
    await ended(watched, job.id)
    table = (await posts()) ?? table
  }
  const column = table.columns.find(c => /title/i.test(c.id) && !c.read_only)
  if (!column) throw new Error('the demo posts have no title that can be edited')
  return { snapshot, table, column }
}

/** Waits until the job has ended, and expects that it went well. */
export async function ended(watched: Watched, id: string): Promise<void> {
  let job = await api<Job>(watched, 'GET', `/jobs/${id}`)
  for (let i = 0; i < 300 && !job.final; i++) {
    await new Promise(done => setTimeout(done, 200))
    job = await api<Job>(watched, 'GET', `/jobs/${id}`)
  }
  expect(job.state).toBe('completed')
}

/** Drops every edit of the table, so that the next test begins clean. */
export async function revertAll(watched: Watched, { snapshot, table }: Demo): Promise<void> {
  await api(watched, 'POST', `/snapshots/${snapshot.id}/tables/${table.id}/records/bulk`, {
    op: 'revert',
    filter: { op: 'edited' },
  })
}
