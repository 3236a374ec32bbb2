import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef } from 'react'
import { tab } from '@/api/client'
import { readRecords, writeRecords } from '@/api/queries/records'
import { snapshotKeys } from '@/api/queries/snapshots'
import { reread } from '@/api/reread'
import type { LiveEvent } from '@/live/protocol'
import { useTopic } from '@/live/react'
import { Edits } from './Edits'
import { RecordPages } from './RecordPages'
import { type TableView, toQuery } from './view'

/** A burst of events makes one reading, and a stream of them one a second. */
const burst = 250
const stream = 1000

/** The records of a table under a view, kept up to date with what others do. */
export function useRecords(
  snapshotId: string,
  tableId: string,
  view: TableView,
): { pages: RecordPages; edits: Edits } {
  const client = useQueryClient()
  const { sort, q, only } = view

  // Edits outlive a change of the view: what is on its way stays on its way.
  const current = useRef<RecordPages>(null)
  const timer = useRef(0)
  const lastRead = useRef(0)
  const refreshSoon = useRef(() => {
    if (timer.current !== 0) return
    const wait = Math.max(burst, lastRead.current + stream - Date.now())
    timer.current = window.setTimeout(() => {
      timer.current = 0
      lastRead.current = Date.now()
      current.current?.refresh()
    }, wait)
  })
  useEffect(
    () => () => {
      clearTimeout(timer.current)
      timer.current = 0
    },
    [],
  )
  const edits = useMemo(
    () =>
      new Edits(
        async (operations, operation) =>
          (await writeRecords({ snapshotId, tableId }, operations, operation)).results,
        stored => {
          // What was stored is shown without waiting for it to be read again.
          current.current?.apply(stored)
          // Where the record now belongs in the order, only a reading can tell.
          refreshSoon.current()
          void reread(client, snapshotKeys.tables(snapshotId))
        },
        () => crypto.randomUUID(),
      ),
    [snapshotId, tableId, client],
  )
  const pages = useMemo(() => {
    const query = toQuery({ sort, q, only })
    return new RecordPages(
      (at, limit, signal) => readRecords({ snapshotId, tableId }, query, at, limit, signal),
      edits,
    )
  }, [snapshotId, tableId, sort, q, only, edits])
  useEffect(() => {
    current.current = pages
    pages.open()
    return () => pages.close()
  }, [pages])

  useTopic(`snapshot:${snapshotId}`, {
    onReset: () => refreshSoon.current(),
    onEvent: event => {
      if (concerns(event, tableId) && event.origin !== tab) refreshSoon.current()
    },
  })
  return { pages, edits }
}

function concerns(event: LiveEvent, tableId: string): boolean {
  switch (event.type) {
    case 'records.changed':
    case 'records.created':
    case 'records.deleted':
    // A download tells of what it adds by the table's counts alone.
    case 'table.changed':
      return event.data.table_id === tableId
    default:
      return false
  }
}
