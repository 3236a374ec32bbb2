import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { path, request } from '../client'
import type { Check, Connection, Connector, RemoteTable, Upload } from '../model'
import { everyPage } from '../pages'

export const connectionKeys = {
  all: ['connections'] as const,
  one: (id: string) => ['connections', id] as const,
  tables: (id: string) => ['connections', id, 'tables'] as const,
}

export const connectorsQuery = queryOptions({
  queryKey: ['connectors'],
  queryFn: ({ signal }) => everyPage<Connector>('/connectors', signal),
  staleTime: Number.POSITIVE_INFINITY,
})

export const connectionsQuery = queryOptions({
  queryKey: connectionKeys.all,
  queryFn: ({ signal }) => everyPage<Connection>('/connections', signal),
})

export const connectionQuery = (id: string) =>
  queryOptions({
    queryKey: connectionKeys.one(id),
    queryFn: ({ signal }) => request<Connection>('GET', path`/connections/${id}`, { signal }),
  })

/** Asks the service itself, so it is asked once and not again by itself. */
export const remoteTablesQuery = (connectionId: string) =>
  queryOptions({
    queryKey: connectionKeys.tables(connectionId),
    queryFn: ({ signal }) => everyPage<RemoteTable>(path`/connections/${connectionId}/tables`, signal),
    staleTime: 60_000,
    retry: false,
  })

export interface ConnectionDraft {
  service: string
  name: string
  credential: Record<string, unknown>
}

export function useCreateConnection() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (draft: ConnectionDraft) => request<Connection>('POST', '/connections', { body: draft }),
    onSuccess: () => client.invalidateQueries({ queryKey: connectionKeys.all }),
  })
}

export function useUpdateConnection(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (change: Partial<Pick<ConnectionDraft, 'name' | 'credential'>>) =>
      request<Connection>('PATCH', path`/connections/${id}`, { body: change }),
    onSuccess: () => client.invalidateQueries({ queryKey: connectionKeys.all }),
  })
}

export function useTestConnection() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => request<Check>('POST', path`/connections/${id}/test`),
    onSettled: () => client.invalidateQueries({ queryKey: connectionKeys.all }),
  })
}

export function useDeleteConnection() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => request<void>('DELETE', path`/connections/${id}`),
    onSuccess: (_, id) => {
      client.removeQueries({ queryKey: connectionKeys.one(id) })
      return client.invalidateQueries({ queryKey: connectionKeys.all })
    },
  })
}

export function useUpload() {
  return useMutation({
    mutationFn: (file: File) => {
      const form = new FormData()
      form.set('file', file)
      return request<Upload>('POST', '/uploads', { body: form })
    },
  })
}
