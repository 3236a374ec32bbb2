import { useQuery } from '@tanstack/react-query'
import { path, request } from '@/api/client'
import type { RecordBody, Table } from '@/api/model'
import type { Edits } from './Edits'
import type { RecordPages } from './RecordPages'
import { RecordRow } from './RecordRow'

/** The record from the pages where it is loaded, else read by itself: a link may name any record. */
export function useOneRecord(table: Table, id: string, pages: RecordPages, edits: Edits) {
  const loaded = pages.row(id)
  const alone = useQuery({
    queryKey: ['record', table.id, id],
    queryFn: ({ signal }) =>
      request<RecordBody>('GET', path`/snapshots/${table.snapshot_id}/tables/${table.id}/records/${id}`, {
        signal,
      }),
    enabled: pages.ready && loaded === undefined,
  })
  const row = loaded ?? (alone.data && new RecordRow(alone.data, edits.of(id)))
  return { row, error: row ? undefined : alone.error, retry: () => void alone.refetch() }
}
