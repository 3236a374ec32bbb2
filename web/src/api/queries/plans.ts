import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, take } from '../client'
import type { Item, Plan } from '../model'
import { reread } from '../reread'
import { jobKeys } from './jobs'
import { snapshotKeys } from './snapshots'

export const planKeys = {
  all: ['plans'] as const,
  one: (id: string) => ['plans', id] as const,
  items: (id: string, filter: ItemFilter) => ['plans', id, 'items', filter] as const,
}

export interface ItemFilter {
  op?: Item['op']
  state?: Item['state']
}

const of = (id: string) => ({ path: { id } })

export const planQuery = (id: string) =>
  queryOptions({
    queryKey: planKeys.one(id),
    queryFn: ({ signal }) => take(api.GET('/api/v1/publish-plans/{id}', { params: of(id), signal })),
    refetchInterval: query => {
      const state = query.state.data?.state
      return state === 'building' ? 500 : state === 'applying' ? 2000 : false
    },
  })

export const itemsQuery = (id: string, filter: ItemFilter) =>
  infiniteQueryOptions({
    queryKey: planKeys.items(id, filter),
    queryFn: ({ signal, pageParam }) => {
      const query = { ...filter, limit: 50, ...(pageParam && { cursor: pageParam }) }
      return take(api.GET('/api/v1/publish-plans/{id}/items', { params: { path: { id }, query }, signal }))
    },
    initialPageParam: '',
    getNextPageParam: page => page.next_cursor || undefined,
  })

export function useCreatePlan(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (tables: string[] | undefined) =>
      take(
        api.POST('/api/v1/snapshots/{id}/publish-plans', {
          params: of(snapshotId),
          body: tables ? { tables } : {},
        }),
      ),
    onSuccess: plan => client.setQueryData(planQuery(plan.id).queryKey, plan),
  })
}

/** Applies exactly the plan that was seen: its hash goes with the request. */
export function useApplyPlan(plan: Plan) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () =>
      take(api.POST('/api/v1/publish-plans/{id}/apply', { params: of(plan.id), body: { hash: plan.hash } })),
    onSettled: () =>
      Promise.all([
        reread(client, planKeys.one(plan.id)),
        reread(client, jobKeys.all),
        reread(client, snapshotKeys.tables(plan.snapshot_id)),
      ]),
  })
}

/** Makes a plan of the failed items alone, to be looked at again. */
export function useRetryFailed(planId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => take(api.POST('/api/v1/publish-plans/{id}/retry-failed', { params: of(planId) })),
    onSettled: () => reread(client, planKeys.all),
  })
}

export interface Resolution {
  item: string
  choice: 'happened' | 'did_not_happen'
  remote_id?: string
}

/** A person's word on an item whose outcome is not known. */
export function useResolveItem(planId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ item, ...body }: Resolution) =>
      take(
        api.POST('/api/v1/publish-plans/{id}/items/{item}/resolve', {
          params: { path: { id: planId, item } },
          body,
        }),
      ),
    onSettled: () => reread(client, planKeys.one(planId)),
  })
}
