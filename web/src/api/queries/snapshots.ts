import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, take } from '../client'
import type { Table } from '../model'
import { everyPage } from '../pages'
import { reread } from '../reread'
import { jobKeys } from './jobs'

export const snapshotKeys = {
  all: ['snapshots'] as const,
  one: (id: string) => ['snapshots', id] as const,
  tables: (id: string) => ['snapshots', id, 'tables'] as const,
}

export const snapshotsQuery = queryOptions({
  queryKey: snapshotKeys.all,
  queryFn: ({ signal }) =>
    everyPage(cursor => take(api.GET('/api/v1/snapshots', { params: { query: { cursor } }, signal }))),
})

export const snapshotQuery = (id: string) =>
  queryOptions({
    queryKey: snapshotKeys.one(id),
    queryFn: ({ signal }) => take(api.GET('/api/v1/snapshots/{id}', { params: { path: { id } }, signal })),
  })

export const tablesQuery = (snapshotId: string) =>
  queryOptions({
    queryKey: snapshotKeys.tables(snapshotId),
    queryFn: async ({ signal }) => {
      const params = { path: { id: snapshotId } }
      return (await take(api.GET('/api/v1/snapshots/{id}/tables', { params, signal }))).items as Table[]
    },
  })

export function useCreateSnapshot() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (name: string) => take(api.POST('/api/v1/snapshots', { body: { name } })),
    onSuccess: () => reread(client, snapshotKeys.all),
  })
}

export function useRenameSnapshot(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (name: string) =>
      take(api.PATCH('/api/v1/snapshots/{id}', { params: { path: { id } }, body: { name } })),
    onSuccess: () => reread(client, snapshotKeys.all),
  })
}

export function useDeleteSnapshot() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => take(api.DELETE('/api/v1/snapshots/{id}', { params: { path: { id } } })),
    onSuccess: (_, id) => {
      client.removeQueries({ queryKey: snapshotKeys.one(id) })
      return client.invalidateQueries({ queryKey: snapshotKeys.all, exact: true })
    },
  })
}

export interface AddedTable {
  connection_id: string
  remote_id: string
  settings?: Record<string, unknown>
}

export function useAddTable(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: AddedTable) =>
      take(api.POST('/api/v1/snapshots/{id}/tables', { params: { path: { id: snapshotId } }, body })),
    onSuccess: () => reread(client, snapshotKeys.tables(snapshotId)),
  })
}

export interface DownloadRequest {
  tables?: string[]
  mode: 'full' | 'incremental'
}

export function useDownload(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: DownloadRequest) =>
      take(api.POST('/api/v1/snapshots/{id}/download', { params: { path: { id: snapshotId } }, body })),
    onSuccess: () => reread(client, jobKeys.all),
  })
}
