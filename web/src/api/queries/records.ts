import { queryOptions, useMutation } from '@tanstack/react-query'
import { api, take } from '../client'
import type { RecordBody, RecordOperation, RecordsPage } from '../model'

export interface RecordsQuery {
  filter?: unknown
  sort?: { column: string; descending?: boolean }[]
}

/** A table by the ids that its addresses name. */
export interface TableRef {
  snapshotId: string
  tableId: string
}

const of = ({ snapshotId, tableId }: TableRef) => ({ id: snapshotId, tid: tableId })
const address = '/api/v1/snapshots/{id}/tables/{tid}/records'

/** Records from the given place on, counted from zero, in the order of the query. */
export async function readRecords(
  table: TableRef,
  { filter, sort }: RecordsQuery,
  at: number,
  limit: number,
  signal: AbortSignal,
): Promise<RecordsPage> {
  const query = {
    at,
    limit,
    ...(filter !== undefined && { filter: JSON.stringify(filter) }),
    ...(sort?.length && { sort: JSON.stringify(sort) }),
  }
  return (await take(api.GET(address, { params: { path: of(table), query }, signal }))) as RecordsPage
}

export const recordQuery = (table: TableRef, rid: string) =>
  queryOptions({
    queryKey: ['record', table.tableId, rid],
    queryFn: async ({ signal }) => {
      const params = { path: { ...of(table), rid } }
      return (await take(api.GET(`${address}/{rid}`, { params, signal }))) as RecordBody
    },
  })

/** All of the operations or none. The same operation id groups several requests into one undo. */
export function writeRecords(table: TableRef, operations: RecordOperation[], operation: string) {
  const params = { path: of(table), header: { 'Scratch-Operation': operation } }
  return take(api.PATCH(address, { params, body: { operations } }))
}

export interface Settlement {
  cells: { record_id: string; column: string }[]
  choose: 'mine' | 'theirs' | 'base'
}

/** Settles conflicts, cell by cell. */
export function useResolve(table: TableRef) {
  return useMutation({
    mutationFn: (body: Settlement) =>
      take(api.POST(`${address}/resolve`, { params: { path: of(table) }, body })),
  })
}

/** Undoes what was done in this tab last, or does it again. */
export function useUndo(snapshotId: string) {
  const params = { path: { id: snapshotId } }
  return useMutation({
    mutationFn: (what: 'undo' | 'redo') =>
      take(
        what === 'undo'
          ? api.POST('/api/v1/snapshots/{id}/undo', { params })
          : api.POST('/api/v1/snapshots/{id}/redo', { params }),
      ),
  })
}

export function exportAddress({ snapshotId, tableId }: TableRef): string {
  return `/api/v1/snapshots/${encodeURIComponent(snapshotId)}/tables/${encodeURIComponent(tableId)}/export.csv`
}
