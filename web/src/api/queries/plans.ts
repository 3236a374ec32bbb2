import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { path, request } from '../client'
import type { Item, Job, Page, Plan } from '../model'
import { jobKeys } from './jobs'
import { snapshotKeys } from './snapshots'

export const planKeys = {
  all: ['plans'] as const,
  one: (id: string) => ['plans', id] as const,
  items: (id: string, filter: ItemFilter) => ['plans', id, 'items', filter] as const,
}

export interface ItemFilter {
  op?: string
  state?: string
}

export const planQuery = (id: string) =>
  queryOptions({
    queryKey: planKeys.one(id),
    queryFn: ({ signal }) => request<Plan>('GET', path`/publish-plans/${id}`, { signal }),
    refetchInterval: query => {
      const state = query.state.data?.state
      return state === 'building' ? 500 : state === 'applying' ? 2000 : false
    },
  })

export const itemsQuery = (id: string, filter: ItemFilter) =>
  infiniteQueryOptions({
    queryKey: planKeys.items(id, filter),
    queryFn: ({ signal, pageParam }) =>
      request<Page<Item>>('GET', path`/publish-plans/${id}/items`, {
        query: { ...filter, cursor: pageParam || undefined, limit: 50 },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: page => page.next_cursor || undefined,
  })

export function useCreatePlan(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (tables: string[] | undefined) =>
      request<Plan>('POST', path`/snapshots/${snapshotId}/publish-plans`, {
        body: tables ? { tables } : {},
      }),
    onSuccess: plan => client.setQueryData(planQuery(plan.id).queryKey, plan),
  })
}

/** Applies exactly the plan that was seen: its hash goes with the request. */
export function useApplyPlan(plan: Plan) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (overrides: string[]) =>
      request<{ job: Job }>('POST', path`/publish-plans/${plan.id}/apply`, {
        body: overrides.length > 0 ? { hash: plan.hash, overrides } : { hash: plan.hash },
      }),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: planKeys.one(plan.id) }),
        client.invalidateQueries({ queryKey: jobKeys.all }),
        client.invalidateQueries({ queryKey: snapshotKeys.tables(plan.snapshot_id) }),
      ]),
  })
}

export function useRetryFailed(planId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => request<Plan>('POST', path`/publish-plans/${planId}/retry-failed`),
    onSettled: () => client.invalidateQueries({ queryKey: planKeys.all }),
  })
}

/** A person's word on an item whose outcome is not known. */
export function useResolveItem(planId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({
      item,
      ...resolution
    }: {
      item: string
      choice: 'happened' | 'did_not_happen'
      remote_id?: string
    }) => request<Item>('POST', path`/publish-plans/${planId}/items/${item}/resolve`, { body: resolution }),
    onSettled: () => client.invalidateQueries({ queryKey: planKeys.one(planId) }),
  })
}
