import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { path, request } from '../client'
import { isFinal, type Job, type JobState, type Page, type TableOutcome } from '../model'

export const jobKeys = {
  all: ['jobs'] as const,
  lists: ['jobs', 'list'] as const,
  list: (filter: JobFilter) => ['jobs', 'list', filter] as const,
  /** A job and all that is read of it. */
  one: (id: string) => ['jobs', 'one', id] as const,
  self: (id: string) => ['jobs', 'one', id, 'self'] as const,
  outcomes: (id: string) => ['jobs', 'one', id, 'outcomes'] as const,
}

export interface JobFilter {
  kind?: Job['kind']
  snapshot?: string
}

/** The newest first. Polled while any of them runs: a list has no topic of its own. */
export const jobsQuery = (filter: JobFilter = {}) =>
  queryOptions({
    queryKey: jobKeys.list(filter),
    queryFn: ({ signal }) => request<Page<Job>>('GET', '/jobs', { query: { ...filter, limit: 50 }, signal }),
    refetchInterval: query => (query.state.data?.items.some(job => !isFinal(job.state)) ? 3000 : false),
  })

/** Polled slowly while it runs, in case the live connection is away. */
export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: jobKeys.self(id),
    queryFn: ({ signal }) => request<Job>('GET', path`/jobs/${id}`, { signal }),
    refetchInterval: query => (query.state.data && !isFinal(query.state.data.state) ? 5000 : false),
  })

/** What the job does to each of its tables. */
export const outcomesQuery = (id: string, state: JobState | undefined) =>
  queryOptions({
    queryKey: jobKeys.outcomes(id),
    queryFn: ({ signal }) => request<Page<TableOutcome>>('GET', path`/jobs/${id}/outcomes`, { signal }),
    refetchInterval: state === undefined || isFinal(state) ? false : 5000,
  })

/** Pausing, resuming and cancelling answer with the job. */
export type JobCommand = 'cancel' | 'pause' | 'resume'

export function useJobCommand(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (command: JobCommand) => request<Job>('POST', `${path`/jobs/${id}`}/${command}`),
    // Cancelling is shown at once: the engine's word follows.
    onMutate: command => {
      if (command !== 'cancel') return
      client.setQueryData(jobQuery(id).queryKey, job => job && { ...job, state: 'cancelling' as const })
    },
    onSettled: () => client.invalidateQueries({ queryKey: jobKeys.all }),
  })
}

/** Runs an ended download again, for the tables that did not complete: a new job. */
export function useRetryJob(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => request<{ job: Job }>('POST', path`/jobs/${id}/retry`),
    onSettled: () => client.invalidateQueries({ queryKey: jobKeys.all }),
  })
}

/** Answers a download that asks before it removes many records. */
export function useDecideJob(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (word: { table_id: string; remove: boolean }) =>
      request<Job>('POST', path`/jobs/${id}/decide`, { body: word }),
    onSettled: () => client.invalidateQueries({ queryKey: jobKeys.one(id) }),
  })
}
