import { useMutation } from '@tanstack/react-query'
import { path, request } from '../client'
import type { RecordOperation, RecordsPage, UndoResult, WriteResult } from '../model'

export interface RecordsQuery {
  filter?: unknown
  sort?: { column: string; descending?: boolean }[]
}

const records = (snapshotId: string, tableId: string) =>
  path`/snapshots/${snapshotId}/tables/${tableId}/records`

/** Records from the given place on, counted from zero, in the order of the query. */
export function readRecords(
  snapshotId: string,
  tableId: string,
  query: RecordsQuery,
  at: number,
  limit: number,
  signal: AbortSignal,
): Promise<RecordsPage> {
  return request<RecordsPage>('GET', records(snapshotId, tableId), {
    query: {
      at,
      limit,
      filter: query.filter === undefined ? undefined : JSON.stringify(query.filter),
      sort: query.sort?.length ? JSON.stringify(query.sort) : undefined,
    },
    signal,
  })
}

export function writeRecords(
  snapshotId: string,
  tableId: string,
  operations: readonly RecordOperation[],
  operation: string,
): Promise<WriteResult> {
  return request<WriteResult>('PATCH', records(snapshotId, tableId), { body: { operations }, operation })
}

export interface Settlement {
  cells: { record_id: string; column: string }[]
  choose: 'mine' | 'theirs' | 'base'
}

/** Settles conflicts, cell by cell. */
export function useResolve(snapshotId: string, tableId: string) {
  return useMutation({
    mutationFn: (settlement: Settlement) =>
      request<unknown>('POST', `${records(snapshotId, tableId)}/resolve`, { body: settlement }),
  })
}

/** Undoes what was done in this tab last, or does it again. */
export function useUndo(snapshotId: string) {
  return useMutation({
    mutationFn: (what: 'undo' | 'redo') =>
      request<UndoResult>('POST', `${path`/snapshots/${snapshotId}`}/${what}`),
  })
}

export function exportAddress(snapshotId: string, tableId: string): string {
  return `/api/v1${path`/snapshots/${snapshotId}/tables/${tableId}/export.csv`}`
}
