import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api, sendFile, take } from '../client'
import type { Connection, Upload } from '../model'
import { everyPage } from '../pages'
import { reread } from '../reread'

export const connectionKeys = {
  all: ['connections'] as const,
  one: (id: string) => ['connections', id] as const,
  tables: (id: string) => ['connections', id, 'tables'] as const,
}

const of = (id: string) => ({ path: { id } })

export const connectorsQuery = queryOptions({
  queryKey: ['connectors'],
  queryFn: async ({ signal }) => (await take(api.GET('/api/v1/connectors', { signal }))).items,
  staleTime: Number.POSITIVE_INFINITY,
})

export const connectionsQuery = queryOptions({
  queryKey: connectionKeys.all,
  queryFn: ({ signal }) =>
    everyPage(cursor =>
      take(api.GET('/api/v1/connections', { params: { query: { cursor } }, signal })),
    ) as Promise<Connection[]>,
})

export const connectionQuery = (id: string) =>
  queryOptions({
    queryKey: connectionKeys.one(id),
    queryFn: async ({ signal }) =>
      (await take(api.GET('/api/v1/connections/{id}', { params: of(id), signal }))) as Connection,
  })

/** Asks the service itself, so it is asked once and not again by itself. */
export const remoteTablesQuery = (connectionId: string) =>
  queryOptions({
    queryKey: connectionKeys.tables(connectionId),
    queryFn: async ({ signal }) =>
      (await take(api.GET('/api/v1/connections/{id}/tables', { params: of(connectionId), signal }))).items,
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
    mutationFn: (body: ConnectionDraft) => take(api.POST('/api/v1/connections', { body })),
    onSuccess: () => reread(client, connectionKeys.all),
  })
}

/** What a person allows one connection, by the field of its credential; null takes a limit away. */
export type OwnLimits = Readonly<Record<string, number | null>>

/** What is changed of a connection; the rest stays as it is. */
export type ConnectionChange = Partial<Pick<ConnectionDraft, 'name' | 'credential'>> & { limits?: OwnLimits }

export function useUpdateConnection(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (body: ConnectionChange) =>
      take(api.PATCH('/api/v1/connections/{id}', { params: of(id), body })),
    onSuccess: () => reread(client, connectionKeys.all),
  })
}

export function useTestConnection() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => take(api.POST('/api/v1/connections/{id}/test', { params: of(id) })),
    onSettled: () => reread(client, connectionKeys.all),
  })
}

export function useDeleteConnection() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => take(api.DELETE('/api/v1/connections/{id}', { params: of(id) })),
    onSuccess: (_, id) => {
      client.removeQueries({ queryKey: connectionKeys.one(id) })
      return client.invalidateQueries({ queryKey: connectionKeys.all, exact: true })
    },
  })
}

export function useUpload() {
  return useMutation({
    mutationFn: async (file: File) => (await sendFile('/api/v1/uploads', file)) as Upload,
  })
}
