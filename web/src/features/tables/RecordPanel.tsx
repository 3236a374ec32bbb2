import { Button, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useSyncExternalStore } from 'react'
import type { Column, Table } from '@/api/model'
import { useResolve } from '@/api/queries/records'
import { full } from '@/grid/fields/values'
import { Clamp } from '@/ui/Clamp'
import { SidePanel } from '@/ui/Dialog'
import { Diff } from '@/ui/Diff'
import { ErrorNote } from '@/ui/ErrorNote'
import { StatusChip } from '@/ui/StatusChip'
import type { Edits } from './Edits'
import type { RecordPages } from './RecordPages'
import type { RecordRow } from './RecordRow'
import css from './tables.module.css'
import { useOneRecord } from './useOneRecord'
import { useRecordAction } from './useRecordAction'

interface RecordPanelProps {
  table: Table
  recordId: string | undefined
  pages: RecordPages
  edits: Edits
  onClose(): void
}

/** One record beside the grid: every field, what is unpublished, what is in conflict. */
export function RecordPanel({ recordId, onClose, ...rest }: RecordPanelProps) {
  return (
    <SidePanel opened={recordId !== undefined} onClose={onClose} size="lg" title="Record">
      {recordId !== undefined && <Opened key={recordId} recordId={recordId} {...rest} />}
    </SidePanel>
  )
}

function Opened({ table, recordId, pages, edits }: Omit<RecordPanelProps, 'onClose'> & { recordId: string }) {
  useSyncExternalStore(pages.subscribe, () => pages.version)
  const { row, error, retry } = useOneRecord(table, recordId, pages, edits)
  if (error) return <ErrorNote title="The record could not be read." error={error} onRetry={retry} />
  if (!row) return <Skeleton height={240} aria-label="Loading the record" />
  const refused = [...(row.pending?.values() ?? [])].find(cell => cell.refused !== undefined)
  return (
    <Stack>
      <Group gap="xs">
        {row.record.state === 'new' && <StatusChip tone="good">new here</StatusChip>}
        {row.record.state === 'deleted' && <StatusChip tone="bad">will be deleted</StatusChip>}
        {row.record.state === 'remote_deleted' && <StatusChip tone="warn">gone at the service</StatusChip>}
        <Text size="xs" c="dimmed">
          {row.record.remote_id ? `${row.record.remote_id} at the service` : 'not yet at the service'}
        </Text>
      </Group>
      {!table.read_only && <Actions table={table} row={row} pages={pages} />}
      {refused?.refused && (
        <div className={css.refused} role="alert">
          <Text size="sm" fw={600}>
            Your change was not saved.
          </Text>
          <Text size="sm">{refused.refused}</Text>
          <Group gap="xs" mt={6}>
            <Button size="xs" variant="default" onClick={() => edits.retry(recordId, row.record.fields)}>
              Save it anyway
            </Button>
            <Button size="xs" variant="default" onClick={() => edits.discard(recordId)}>
              Drop my change
            </Button>
          </Group>
        </div>
      )}
      <dl className={css.fields}>
        {table.columns
          .filter(column => !column.removed)
          .map(column => (
            <FieldView key={column.id} table={table} column={column} row={row} pages={pages} />
          ))}
      </dl>
    </Stack>
  )
}

interface ActionsProps {
  table: Table
  row: RecordRow
  pages: RecordPages
}

function Actions({ table, row, pages }: ActionsProps) {
  const action = useRecordAction(table, pages)
  const { id, record } = row
  const button = (op: 'delete' | 'restore' | 'revert', label: string) => (
    <Button
      size="xs"
      variant="default"
      loading={action.isPending && action.variables?.op === op}
      onClick={() => action.mutate({ op, id })}
    >
      {label}
    </Button>
  )
  return (
    <>
      <Group gap="xs">
        {record.state === 'deleted'
          ? button('restore', 'Do not delete it')
          : button('delete', 'Delete the record')}
        {record.state === 'live' &&
          Object.keys(record.edits ?? {}).length > 0 &&
          button('revert', 'Drop all edits')}
      </Group>
      {record.state === 'live' && (
        <Text size="xs" c="dimmed">
          A deletion is only marked here; it reaches the service when you publish it.
        </Text>
      )}
      {action.isError && <ErrorNote title="The record was not changed." error={action.error} />}
    </>
  )
}

interface FieldViewProps {
  table: Table
  column: Column
  row: RecordRow
  pages: RecordPages
}

function FieldView({ table, column, row, pages }: FieldViewProps) {
  const resolve = useResolve({ snapshotId: table.snapshot_id, tableId: table.id })
  const field = { kind: column.kind, ...(column.options && { options: column.options }) }
  const note = row.note(column.id)
  const conflict = row.record.conflicts?.find(c => c.column === column.id)
  const value = full(field, row.value(column.id))
  const base = full(field, row.record.base?.[column.id])
  const choose = (what: 'mine' | 'theirs') =>
    resolve.mutate(
      { cells: [{ record_id: row.id, column: column.id }], choose: what },
      { onSuccess: () => pages.refresh() },
    )
  return (
    <div className={css.field}>
      <dt className={css.term}>
        {column.name}
        {note?.kind === 'unpublished' && <StatusChip tone="busy">unpublished</StatusChip>}
        {conflict && (
          <StatusChip tone="warn" sign="≠">
            conflict
          </StatusChip>
        )}
      </dt>
      <dd className={css.value}>
        {conflict ? (
          <div className={css.conflict}>
            <Text size="xs" c="dimmed">
              The service changed this cell after your edit began.
            </Text>
            <p>
              Yours: <Diff from={full(field, conflict.base)} to={full(field, conflict.mine)} />
            </p>
            <p>
              Theirs: <Diff from={full(field, conflict.base)} to={full(field, conflict.theirs)} />
            </p>
            <Group gap="xs">
              <Button size="xs" variant="default" onClick={() => choose('mine')} loading={resolve.isPending}>
                Keep mine
              </Button>
              <Button
                size="xs"
                variant="default"
                onClick={() => choose('theirs')}
                loading={resolve.isPending}
              >
                Take theirs
              </Button>
            </Group>
          </div>
        ) : note?.kind === 'unpublished' ? (
          <Edited table={table} column={column} row={row} pages={pages} from={base} to={value} />
        ) : value === '' ? (
          <span className={css.blank}>empty</span>
        ) : (
          <Clamp length={value.length}>{value}</Clamp>
        )}
        {resolve.isError && <ErrorNote title="The conflict was not settled." error={resolve.error} />}
      </dd>
    </div>
  )
}

interface EditedProps extends FieldViewProps {
  from: string
  to: string
}

/** An edit that was not published yet: what it replaces, and the way back. */
function Edited({ table, column, row, pages, from, to }: EditedProps) {
  const action = useRecordAction(table, pages)
  return (
    <>
      <Clamp length={from.length + to.length}>
        <Diff from={from} to={to} />
      </Clamp>
      <div>
        <Button
          size="compact-xs"
          variant="default"
          loading={action.isPending}
          onClick={() => action.mutate({ op: 'revert', id: row.id, cells: [column.id] })}
          aria-label={`Drop the edit of ${column.name}`}
        >
          Drop this edit
        </Button>
      </div>
      {action.isError && <ErrorNote title="The edit was not dropped." error={action.error} />}
    </>
  )
}
