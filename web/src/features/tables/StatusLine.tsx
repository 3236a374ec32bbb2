import { useSyncExternalStore } from 'react'
import { toApiError } from '@/api/errors'
import type { Table } from '@/api/model'
import { count, many } from '@/lib/format'
import { Ago } from '@/ui/Ago'
import type { Edits } from './Edits'
import type { RecordPages } from './RecordPages'
import css from './tables.module.css'

interface StatusLineProps {
  table: Table
  pages: RecordPages
  edits: Edits
  said: string
}

/** How many records there are, and what became of the last edits. */
export function StatusLine({ table, pages, edits, said }: StatusLineProps) {
  const version = useSyncExternalStore(pages.subscribe, () => pages.version)
  const { waiting, refused } = edits.counts
  return (
    <div className={css.status} data-version={version}>
      {pages.ready && (
        <span>{pages.exact ? many(pages.count, 'record') : `more than ${count(pages.count)} records`}</span>
      )}
      {table.downloaded_at && (
        <span className={css.downloaded}>
          downloaded <Ago at={table.downloaded_at} />
        </span>
      )}
      {pages.preparing && <span>This order is being prepared; until then it is slower.</span>}
      {pages.error !== undefined && pages.ready && (
        <span className={css.bad}>
          {toApiError(pages.error).detail}{' '}
          <button type="button" className={css.again} onClick={() => pages.refresh()}>
            Try again
          </button>
        </span>
      )}
      <span role="status" className={css.said}>
        {said}
      </span>
      <span role="status" className={css.saved}>
        {waiting > 0 ? 'Saving…' : refused > 0 ? '' : pages.ready ? 'Saved' : ''}
      </span>
      {refused > 0 && (
        <span role="alert" className={css.bad}>
          {many(refused, 'cell')} not saved. Open the record (Space) to see why.
        </span>
      )}
    </div>
  )
}
