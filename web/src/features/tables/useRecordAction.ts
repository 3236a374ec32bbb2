import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { RecordOperation, Table } from '@/api/model'
import { writeRecords } from '@/api/queries/records'
import { snapshotKeys } from '@/api/queries/snapshots'
import { reread } from '@/api/reread'
import type { RecordPages } from './RecordPages'

/** One operation on one record: make it, mark it deleted, restore it, drop its edits. */
export function useRecordAction(table: Table, pages: RecordPages) {
  const client = useQueryClient()
  const ref = { snapshotId: table.snapshot_id, tableId: table.id }
  return useMutation({
    mutationFn: async (operation: RecordOperation) => {
      const { results } = await writeRecords(ref, [operation], crypto.randomUUID())
      return results[0]?.id
    },
    onSettled: () => {
      pages.refresh()
      void reread(client, ['record', table.id])
      void reread(client, snapshotKeys.tables(table.snapshot_id))
    },
  })
}
