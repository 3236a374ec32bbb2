import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { isFinal, type Job, type TableOutcome } from '@/api/model'
import { jobKeys, jobQuery, outcomesQuery } from '@/api/queries/jobs'
import { snapshotKeys } from '@/api/queries/snapshots'
import { reread, told } from '@/api/reread'
import type { JobProgressed } from './protocol.generated'
import { useTopic } from './react'

/** A job that follows its events: counts are taken over at once, other changes are read. */
export function useLiveJob(id: string) {
  const client = useQueryClient()
  const query = useQuery(jobQuery(id))
  const readAll = () => void reread(client, jobKeys.one(id))
  useTopic(`job:${id}`, {
    onReset: readAll,
    onEvent: event => {
      if (event.type === 'job.progressed') {
        const { data } = event
        told<Job>(client, jobQuery(id).queryKey, job => withProgress(job, data))
        told<TableOutcome[]>(client, outcomesQuery(id, undefined).queryKey, all =>
          withTableProgress(all, data),
        )
      } else readAll()
    },
  })

  const state = query.data?.state
  const ended = state !== undefined && isFinal(state)
  const before = useRef(ended)
  const snapshotId = query.data?.snapshot_id
  useEffect(() => {
    // What it did shows in the tables' counts and in the lists of jobs.
    if (ended && !before.current && snapshotId) {
      void reread(client, snapshotKeys.tables(snapshotId))
      void reread(client, jobKeys.all)
    }
    before.current = ended
  }, [ended, snapshotId, client])
  return query
}

/** The job with the counts of the event. */
export function withProgress(job: Job, told: JobProgressed): Job {
  return { ...job, progress: { ...told.progress } }
}

/** The outcomes with the counts of the table the event speaks of. */
export function withTableProgress(outcomes: TableOutcome[], told: JobProgressed): TableOutcome[] {
  const { table_id, table } = told
  if (!table) return outcomes
  return outcomes.map(one => (one.table_id === table_id ? { ...one, progress: { ...table } } : one))
}
