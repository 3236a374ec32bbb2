import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { isRecord } from '@/api/errors'
import { isFinal, type Job, type Page, type TableOutcome } from '@/api/model'
import { jobKeys, jobQuery, outcomesQuery } from '@/api/queries/jobs'
import { snapshotKeys } from '@/api/queries/snapshots'
import type { LiveEvent } from './protocol'
import { useTopic } from './react'

/** A job that follows its events: counts are taken over at once, other changes are read. */
export function useLiveJob(id: string) {
  const client = useQueryClient()
  const query = useQuery(jobQuery(id))
  const reread = () => void client.invalidateQueries({ queryKey: jobKeys.one(id) })
  useTopic(`job:${id}`, {
    onReset: reread,
    onEvent: event => {
      if (event.type !== 'job.progressed') return reread()
      client.setQueryData(jobQuery(id).queryKey, job => job && withProgress(job, event))
      client.setQueryData(
        outcomesQuery(id, undefined).queryKey,
        page => page && withTableProgress(page, event),
      )
    },
  })

  const state = query.data?.state
  const ended = state !== undefined && isFinal(state)
  const before = useRef(ended)
  const snapshotId = query.data?.snapshot_id
  useEffect(() => {
    // What it did shows in the tables' counts and in the lists of jobs.
    if (ended && !before.current && snapshotId) {
      void client.invalidateQueries({ queryKey: snapshotKeys.tables(snapshotId) })
      void client.invalidateQueries({ queryKey: jobKeys.all })
    }
    before.current = ended
  }, [ended, snapshotId, client])
  return query
}

/** The job with the counts of the event; an event without counts changes nothing. */
export function withProgress(job: Job, event: LiveEvent): Job {
  const { progress } = event.data
  return isRecord(progress) ? { ...job, progress: { ...job.progress, ...progress } } : job
}

/** The outcomes with the counts of the table the event speaks of. */
export function withTableProgress(page: Page<TableOutcome>, event: LiveEvent): Page<TableOutcome> {
  const { table_id, table } = event.data
  if (!isRecord(table)) return page
  const items = page.items.map(one =>
    one.table_id === table_id ? { ...one, progress: { ...one.progress, ...table } } : one,
  )
  return { ...page, items }
}
