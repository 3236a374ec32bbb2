import { useQuery } from '@tanstack/react-query'
import type { Table } from '@/api/model'
import { recordQuery } from '@/api/queries/records'
import type { Edits } from './Edits'
import type { RecordPages } from './RecordPages'
import { RecordRow } from './RecordRow'

/** The record from the pages where it is loaded, else read by itself: a link may name any record. */
export function useOneRecord(table: Table, id: string, pages: RecordPages, edits: Edits) {
  const loaded = pages.row(id)
  const alone = useQuery({
    ...recordQuery({ snapshotId: table.snapshot_id, tableId: table.id }, id),
    enabled: pages.ready && loaded === undefined,
  })
  const row = loaded ?? (alone.data && new RecordRow(alone.data, edits.of(id)))
  return { row, error: row ? undefined : alone.error, retry: () => void alone.refetch() }
}
