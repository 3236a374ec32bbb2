import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, take } from '../client'
import type { Schedule } from '../model'
import { everyPage } from '../pages'
import { reread } from '../reread'

export const scheduleKeys = {
  of: (snapshotId: string) => ['schedules', snapshotId] as const,
}

const of = (id: string) => ({ path: { id } })

/** A snapshot's schedules, the oldest first. */
export const schedulesQuery = (snapshotId: string) =>
  queryOptions({
    queryKey: scheduleKeys.of(snapshotId),
    queryFn: ({ signal }) =>
      everyPage(cursor =>
        take(api.GET('/api/v1/schedules', { params: { query: { snapshot: snapshotId, cursor } }, signal })),
      ) as Promise<Schedule[]>,
    refetchInterval: query => rereadIn(query.state.data ?? [], Date.now()),
  })

/** The longest a browser's timer waits is some 24 days. */
const longest = 86_400_000

/**
 * Milliseconds until the list has changed by itself: soon while the engine has
 * something to do or cannot be asked, else when the next time has come.
 */
export function rereadIn(schedules: readonly Schedule[], now: number): number | false {
  const moving = schedules.some(
    s =>
      s.pending ||
      s.engine_away ||
      s.runs.some(r => r.outcome === 'queued' || r.outcome === 'started' || r.outcome === 'waiting'),
  )
  if (moving) return 3000
  const next = schedules.flatMap(s => s.next_runs.slice(0, 1)).map(at => Date.parse(at) - now)
  return next.length > 0 ? Math.min(longest, Math.max(1000, Math.min(...next) + 1500)) : false
}

/** What a person chooses of a schedule. */
export interface ScheduleChoice {
  cron?: string
  every?: string
  time_zone: string
  overlap: Schedule['overlap']
  mode: Schedule['mode']
  tables: string[]
  note: string
}

export function useCreateSchedule(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (choice: ScheduleChoice) =>
      take(api.POST('/api/v1/schedules', { body: { snapshot_id: snapshotId, ...choice } })),
    onSettled: () => reread(client, scheduleKeys.of(snapshotId)),
  })
}

/** Changes the schedule, unless it was changed since the version that was seen. */
export function useChangeSchedule(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id, ...body }: Partial<ScheduleChoice> & { id: string; version: number }) =>
      take(api.PATCH('/api/v1/schedules/{id}', { params: of(id), body })),
    onSettled: () => reread(client, scheduleKeys.of(snapshotId)),
  })
}

/** The schedule as it is now; for what to do about a change that came in between. */
export async function readSchedule(id: string): Promise<Schedule> {
  return (await take(api.GET('/api/v1/schedules/{id}', { params: of(id) }))) as Schedule
}

/** Shown at once, and taken back when the server refuses. */
export function usePauseSchedule({ id, snapshot_id }: Schedule) {
  const client = useQueryClient()
  const { queryKey } = schedulesQuery(snapshot_id)
  return useMutation({
    mutationFn: ({ paused, why = '' }: { paused: boolean; why?: string }) =>
      paused
        ? take(api.POST('/api/v1/schedules/{id}/pause', { params: of(id), body: { why } }))
        : take(api.POST('/api/v1/schedules/{id}/resume', { params: of(id) })),
    onMutate: async ({ paused, why = '' }) => {
      await client.cancelQueries({ queryKey })
      const before = client.getQueryData(queryKey)?.find(s => s.id === id)
      put(client.getQueryData(queryKey), s => ({
        ...s,
        paused,
        paused_why: why,
        next_runs: paused ? [] : s.next_runs,
      }))
      return before
    },
    onError: (_error, _paused, before) => before && put(client.getQueryData(queryKey), () => before),
    onSettled: () => reread(client, queryKey),
  })

  function put(list: Schedule[] | undefined, change: (now: Schedule) => Schedule): void {
    if (list)
      client.setQueryData(
        queryKey,
        list.map(s => (s.id === id ? change(s) : s)),
      )
  }
}

/** Asks for a run now, and is told its job, or why it has none yet. */
export function useTriggerSchedule({ id, snapshot_id }: Schedule) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => take(api.POST('/api/v1/schedules/{id}/trigger', { params: of(id) })),
    onSettled: () => reread(client, scheduleKeys.of(snapshot_id)),
  })
}

export function useDeleteSchedule({ id, snapshot_id }: Schedule) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => take(api.DELETE('/api/v1/schedules/{id}', { params: of(id) })),
    onSettled: () => reread(client, scheduleKeys.of(snapshot_id)),
  })
}
