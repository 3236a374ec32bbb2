import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { path, request } from '../client'
import type { Job, Snapshot, Table } from '../model'
import { everyPage } from '../pages'
import { jobKeys } from './jobs'

export const snapshotKeys = {
  all: ['snapshots'] as const,
  one: (id: string) => ['snapshots', id] as const,
  tables: (id: string) => ['snapshots', id, 'tables'] as const,
}

export const snapshotsQuery = queryOptions({
  queryKey: snapshotKeys.all,
  queryFn: ({ signal }) => everyPage<Snapshot>('/snapshots', signal),
})

export const snapshotQuery = (id: string) =>
  queryOptions({
    queryKey: snapshotKeys.one(id),
    queryFn: ({ signal }) => request<Snapshot>('GET', path`/snapshots/${id}`, { signal }),
  })

export const tablesQuery = (snapshotId: string) =>
  queryOptions({
    queryKey: snapshotKeys.tables(snapshotId),
    queryFn: ({ signal }) => everyPage<Table>(path`/snapshots/${snapshotId}/tables`, signal),
  })

export function useCreateSnapshot() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (name: string) => request<Snapshot>('POST', '/snapshots', { body: { name } }),
    onSuccess: () => client.invalidateQueries({ queryKey: snapshotKeys.all }),
  })
}

export function useRenameSnapshot(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (name: string) => request<Snapshot>('PATCH', path`/snapshots/${id}`, { body: { name } }),
    onSuccess: () => client.invalidateQueries({ queryKey: snapshotKeys.all }),
  })
}

export function useDeleteSnapshot() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => request<void>('DELETE', path`/snapshots/${id}`),
    onSuccess: (_, id) => {
      client.removeQueries({ queryKey: snapshotKeys.one(id) })
      return client.invalidateQueries({ queryKey: snapshotKeys.all })
    },
  })
}

export function useAddTable(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (table: { connection_id: string; remote_id: string; settings?: unknown }) =>
      request<Table>('POST', path`/snapshots/${snapshotId}/tables`, { body: table }),
    onSuccess: () => client.invalidateQueries({ queryKey: snapshotKeys.tables(snapshotId) }),
  })
}

export function useRemoveTable(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (tableId: string) =>
      request<void>('DELETE', path`/snapshots/${snapshotId}/tables/${tableId}`),
    onSuccess: () => client.invalidateQueries({ queryKey: snapshotKeys.tables(snapshotId) }),
  })
}

export interface DownloadRequest {
  tables?: string[]
  mode?: 'full' | 'incremental'
}

export function useDownload(snapshotId: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: DownloadRequest) =>
      request<{ job: Job }>('POST', path`/snapshots/${snapshotId}/download`, { body }),
    onSuccess: () => client.invalidateQueries({ queryKey: jobKeys.all }),
  })
}
