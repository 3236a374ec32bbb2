import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { path, request } from '../client'
import { isFinal, type Job, type Page } from '../model'

export const jobKeys = {
  all: ['jobs'] as const,
  list: (filter: JobFilter) => ['jobs', 'list', filter] as const,
  one: (id: string) => ['jobs', 'one', id] as const,
}

export interface JobFilter {
  state?: string
  kind?: string
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
    queryKey: jobKeys.one(id),
    queryFn: ({ signal }) => request<Job>('GET', path`/jobs/${id}`, { signal }),
    refetchInterval: query => (query.state.data && !isFinal(query.state.data.state) ? 5000 : false),
  })

export type JobCommand = 'cancel' | 'pause' | 'resume' | 'retry'

/** Sends a command; a retry answers with the new job. */
export function useJobCommand() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, command }: { id: string; command: JobCommand }) =>
      request<{ job: Job } | Job>('POST', `${path`/jobs/${id}`}/${command}`),
    // Cancelling is shown at once: the engine's word follows.
    onMutate: ({ id, command }) => {
      if (command !== 'cancel') return
      client.setQueryData(jobQuery(id).queryKey, job => job && { ...job, state: 'cancelling' as const })
    },
    onSettled: () => client.invalidateQueries({ queryKey: jobKeys.all }),
  })
}
