import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, take } from '../client'
import { isFinal, type Job, type JobState, type TableOutcome } from '../model'
import { reread } from '../reread'

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
}

const of = (id: string) => ({ path: { id } })

/** The newest first. Polled while any of them runs: a list has no topic of its own. */
export const jobsQuery = (filter: JobFilter = {}) =>
  queryOptions({
    queryKey: jobKeys.list(filter),
    queryFn: ({ signal }) =>
      take(api.GET('/api/v1/jobs', { params: { query: { ...filter, limit: 50 } }, signal })),
    refetchInterval: query => (query.state.data?.items.some(job => !isFinal(job.state)) ? 3000 : false),
  })

/** Polled slowly while it runs, in case the live connection is away. */
export const jobQuery = (id: string) =>
  queryOptions({
    queryKey: jobKeys.self(id),
    queryFn: ({ signal }) => take(api.GET('/api/v1/jobs/{id}', { params: of(id), signal })),
    refetchInterval: query => (query.state.data && !isFinal(query.state.data.state) ? 5000 : false),
  })

/** What the job does to each of its tables. */
export const outcomesQuery = (id: string, state: JobState | undefined) =>
  queryOptions({
    queryKey: jobKeys.outcomes(id),
    queryFn: async ({ signal }) =>
      (await take(api.GET('/api/v1/jobs/{id}/outcomes', { params: of(id), signal }))).items as TableOutcome[],
    refetchInterval: state === undefined || isFinal(state) ? false : 5000,
  })

/** Pausing, resuming and cancelling answer with the job. */
export type JobCommand = 'cancel' | 'pause' | 'resume'

const commands = {
  cancel: (id: string) => api.POST('/api/v1/jobs/{id}/cancel', { params: of(id) }),
  pause: (id: string) => api.POST('/api/v1/jobs/{id}/pause', { params: of(id) }),
  resume: (id: string) => api.POST('/api/v1/jobs/{id}/resume', { params: of(id) }),
}

export function useJobCommand(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (command: JobCommand) => take(commands[command](id)),
    // Cancelling is shown at once: the engine's word follows.
    onMutate: command => {
      if (command !== 'cancel') return
      client.setQueryData(jobQuery(id).queryKey, job => job && { ...job, state: 'cancelling' as const })
    },
    onSettled: () => reread(client, jobKeys.all),
  })
}

/** Runs an ended download again, for the tables that did not complete: a new job. */
export function useRetryJob(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => take(api.POST('/api/v1/jobs/{id}/retry', { params: of(id) })),
    onSettled: () => reread(client, jobKeys.all),
  })
}

/** Answers a download that asks before it removes many records. */
export function useDecideJob(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: { table_id: string; remove: boolean }) =>
      take(api.POST('/api/v1/jobs/{id}/decide', { params: of(id), body })),
    onSettled: () => reread(client, jobKeys.one(id)),
  })
}
