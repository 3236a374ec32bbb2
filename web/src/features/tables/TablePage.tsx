import { Button, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { toApiError } from '@/api/errors'
import type { Table } from '@/api/model'
import { useUndo } from '@/api/queries/records'
import { tablesQuery, useDownload } from '@/api/queries/snapshots'
import { Grid } from '@/grid/view/Grid'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { useTitle } from '@/ui/Page'
import { usePanels } from '@/ui/panels'
import { RecordPanel } from './RecordPanel'
import { StatusLine } from './StatusLine'
import { Toolbar } from './Toolbar'
import css from './tables.module.css'
import { useRecordAction } from './useRecordAction'
import { useRecords } from './useRecords'
import { useWidths } from './useWidths'
import { nextSort, toGridColumns } from './view'

const route = getRouteApi('/s/$snapshotId/t/$tableId')

export function TablePage() {
  const { snapshotId, tableId } = route.useParams()
  const tables = useQuery(tablesQuery(snapshotId))
  const table = tables.data?.find(t => t.id === tableId)
  if (tables.isPending) return <Skeleton height="100%" aria-label="Loading the table" />
  if (!table) {
    return (
      <div className={css.pad}>
        <EmptyState title="There is no such table">It may have been removed from this snapshot.</EmptyState>
      </div>
    )
  }
  return <OpenTable key={table.id} table={table} />
}

function OpenTable({ table }: { table: Table }) {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  useTitle(table.name)
  const { pages, edits } = useRecords(table.snapshot_id, table.id, search)
  useSyncExternalStore(pages.subscribe, () => pages.version)
  const [widths, setWidth] = useWidths(table.id)
  const columns = useMemo(
    () =>
      toGridColumns(
        table.columns,
        table.read_only ? table.read_only_why || 'this table is read-only' : undefined,
        widths,
        search.sort,
      ),
    [table, widths, search.sort],
  )
  const [said, notice] = useNotice()
  const undo = useUndo(table.snapshot_id)
  const undoOrRedo = (what: 'undo' | 'redo') =>
    undo.mutate(what, {
      onSuccess: answer => {
        pages.refresh()
        const skipped = answer.skipped?.length ?? 0
        notice(
          `${what === 'undo' ? 'Undone' : 'Done again'}.${skipped > 0 ? ` ${skipped} cells were changed by someone else since and stay.` : ''}`,
        )
      },
      onError: error => notice(toApiError(error).detail),
    })

  const action = useRecordAction(table, pages)
  const addRecord = () =>
    action.mutate(
      { op: 'create', fields: {} },
      {
        // Where it will stand among thousands is nobody's concern yet: the new
        // ones alone are shown, so that it can be filled in.
        onSuccess: () => {
          notice('A new record was made. It reaches the service when you publish it.')
          void navigate({ search: { only: 'new' } })
        },
        onError: error => notice(toApiError(error).detail),
      },
    )

  return (
    <div className={css.table}>
      <Toolbar
        table={table}
        view={search}
        columns={columns}
        onView={change => void navigate({ search: now => ({ ...now, ...change }), replace: true })}
        onUndo={undoOrRedo}
        onNew={table.read_only ? undefined : addRecord}
      />
      <Standing table={table} />
      <div className={css.body}>
        <Body
          table={table}
          filtered={Boolean(search.q || search.only)}
          pages={pages}
          onClear={() => void navigate({ search: {} })}
        >
          <Grid
            label={table.name}
            source={pages}
            columns={columns}
            onPatch={patches => edits.put(patches)}
            onNotice={notice}
            onOpen={row => void navigate({ search: now => ({ ...now, row }), replace: true })}
            onSort={column =>
              void navigate({ search: now => ({ ...now, sort: nextSort(now.sort, column) }), replace: true })
            }
            onResize={setWidth}
            onUndo={() => undoOrRedo('undo')}
            onRedo={() => undoOrRedo('redo')}
          />
        </Body>
      </div>
      <StatusLine table={table} pages={pages} edits={edits} said={said} />
      <RecordPanel
        table={table}
        recordId={search.row}
        pages={pages}
        edits={edits}
        onClose={() => void navigate({ search: ({ row: _, ...rest }) => rest, replace: true })}
      />
    </div>
  )
}

/** What keeps the table from being worked on as any other. */
function Standing({ table }: { table: Table }) {
  if (table.state === 'gone') {
    return (
      <p className={css.standing}>
        The service no longer has this table, as the last download found. What was downloaded stays here.
      </p>
    )
  }
  if (!table.read_only) return null
  return (
    <p className={css.standing}>
      Read-only{table.read_only_why ? `: ${table.read_only_why}` : ' at the service.'}
    </p>
  )
}

interface BodyProps {
  table: Table
  filtered: boolean
  pages: ReturnType<typeof useRecords>['pages']
  onClear(): void
  children: React.ReactNode
}

/** The grid, or what stands in its place while there is nothing to show. */
function Body({ table, filtered, pages, onClear, children }: BodyProps) {
  const download = useDownload(table.snapshot_id)
  const { openJob } = usePanels()
  if (pages.error !== undefined && !pages.ready) {
    return (
      <div className={css.pad}>
        <ErrorNote
          title="The records could not be read."
          error={pages.error}
          onRetry={() => pages.refresh()}
        />
      </div>
    )
  }
  if (!pages.ready) return <Skeleton height="100%" radius={0} aria-label="Loading the records" />
  if (pages.count > 0) return children
  if (filtered) {
    return (
      <div className={css.pad}>
        <EmptyState title="No record fits" action={<Button onClick={onClear}>Show all records</Button>}>
          Nothing in {table.name} is what you search for.
        </EmptyState>
      </div>
    )
  }
  const start = () =>
    download.mutate({ tables: [table.id], mode: 'full' }, { onSuccess: ({ job }) => openJob(job.id) })
  return (
    <div className={css.pad}>
      <EmptyState
        title={table.downloaded_at ? `${table.name} is empty` : `${table.name} was not downloaded yet`}
        action={
          <Button onClick={start} loading={download.isPending}>
            Download it
          </Button>
        }
      >
        {table.downloaded_at
          ? 'The service had no records in this table at the last download.'
          : 'Its records appear here while they are downloaded.'}
      </EmptyState>
      {download.isError && <ErrorNote title="The download did not start." error={download.error} />}
    </div>
  )
}

/** What was last said to the person, for as long as it takes to read it. */
function useNotice(): [string, (text: string) => void] {
  const [said, setSaid] = useState('')
  const timer = useRef(0)
  useEffect(() => () => clearTimeout(timer.current), [])
  const say = useCallback((text: string) => {
    setSaid(text)
    clearTimeout(timer.current)
    timer.current = window.setTimeout(() => setSaid(''), 8000)
  }, [])
  return [said, say]
}
