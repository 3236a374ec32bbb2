import { Button, Menu, Skeleton } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link, Outlet } from '@tanstack/react-router'
import { useState } from 'react'
import type { Snapshot, Table } from '@/api/model'
import { connectionsQuery } from '@/api/queries/connections'
import { jobKeys } from '@/api/queries/jobs'
import { snapshotKeys, snapshotQuery, tablesQuery, useDownload } from '@/api/queries/snapshots'
import { reread, told } from '@/api/reread'
import { short } from '@/lib/format'
import { useTopic } from '@/live/react'
import { withTableChange } from '@/live/tables'
import { ErrorNote } from '@/ui/ErrorNote'
import { LinkButton } from '@/ui/LinkButton'
import { useTitle } from '@/ui/Page'
import { usePanels } from '@/ui/panels'
import ui from '@/ui/ui.module.css'
import { AddTable } from './AddTable'
import { DeleteSnapshot, RenameSnapshot } from './SnapshotDialogs'
import css from './snapshots.module.css'

const route = getRouteApi('/s/$snapshotId')

/** A snapshot: its tables at the left, and whatever is open of it. */
export function SnapshotLayout() {
  const { snapshotId } = route.useParams()
  const client = useQueryClient()
  const snapshot = useQuery(snapshotQuery(snapshotId))
  const tables = useQuery(tablesQuery(snapshotId))
  useTitle(snapshot.data?.name ?? 'Snapshot')

  const readAll = () => void reread(client, snapshotKeys.one(snapshotId))
  useTopic(`snapshot:${snapshotId}`, {
    onReset: readAll,
    onEvent: event => {
      switch (event.type) {
        case 'table.changed': {
          const { queryKey } = tablesQuery(snapshotId)
          const known = client.getQueryData(queryKey)
          const changed = known && withTableChange(known, event.data)
          if (changed) told(client, queryKey, () => changed)
          else readAll()
          return
        }
        case 'table.schema_changed':
        case 'snapshot.changed':
          return readAll()
        case 'job.changed':
          void reread(client, jobKeys.lists)
      }
    },
  })

  const error = snapshot.error ?? tables.error
  if (error) {
    return (
      <div className={ui.page}>
        <ErrorNote
          title="The snapshot could not be read."
          error={error}
          onRetry={() => {
            void snapshot.refetch()
            void tables.refetch()
          }}
        />
      </div>
    )
  }
  if (!snapshot.data || !tables.data) {
    return (
      <div className={ui.page}>
        <Skeleton height={240} aria-label="Loading the snapshot" />
      </div>
    )
  }
  return (
    <div className={css.workspace}>
      <SnapshotBar snapshot={snapshot.data} tables={tables.data} />
      <TableList snapshotId={snapshotId} tables={tables.data} />
      <section className={css.open}>
        <Outlet />
      </section>
    </div>
  )
}

function SnapshotBar({ snapshot, tables }: { snapshot: Snapshot; tables: Table[] }) {
  const download = useDownload(snapshot.id)
  const { openJob } = usePanels()
  const [dialog, setDialog] = useState<'rename' | 'delete'>()
  const edited = tables.reduce((n, table) => n + table.edited_count, 0)
  const start = () => download.mutate({ mode: 'full' }, { onSuccess: ({ job }) => openJob(job.id) })
  return (
    <div className={css.bar}>
      <h1 className={css.title}>{snapshot.name}</h1>
      <Menu position="bottom-start">
        <Menu.Target>
          <Button
            size="compact-sm"
            variant="subtle"
            color="gray"
            className={css.quiet}
            aria-label="More about this snapshot"
          >
            ⋯
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => setDialog('rename')}>Rename…</Menu.Item>
          <Menu.Item onClick={() => setDialog('delete')}>Delete…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <div className={css.actions}>
        {tables.length > 0 && (
          <>
            <Button size="xs" variant="default" onClick={start} loading={download.isPending}>
              Download
            </Button>
            <LinkButton
              size="xs"
              to="/s/$snapshotId/schedules"
              params={{ snapshotId: snapshot.id }}
              variant="default"
            >
              Schedules
            </LinkButton>
            <LinkButton
              size="xs"
              to="/s/$snapshotId/publish"
              params={{ snapshotId: snapshot.id }}
              variant={edited > 0 ? 'filled' : 'default'}
            >
              {edited > 0 ? `Publish ${short(edited)}…` : 'Publish…'}
            </LinkButton>
          </>
        )}
      </div>
      <Refused tables={tables} />
      {download.isError && (
        <div className={css.barError}>
          <ErrorNote title="The download did not start." error={download.error} />
        </div>
      )}
      <RenameSnapshot snapshot={snapshot} opened={dialog === 'rename'} onClose={() => setDialog(undefined)} />
      <DeleteSnapshot
        snapshot={snapshot}
        edited={edited}
        opened={dialog === 'delete'}
        onClose={() => setDialog(undefined)}
      />
    </div>
  )
}

/** A connection of these tables that the service no longer lets in: every download and publish would fail. */
function Refused({ tables }: { tables: Table[] }) {
  const connections = useQuery(connectionsQuery)
  const used = new Set(tables.map(t => t.connection_id))
  const refused = connections.data?.filter(c => c.state === 'needs_reconnect' && used.has(c.id)) ?? []
  return refused.map(({ id, name, problem }) => (
    <p key={id} className={css.refused}>
      <strong>{name} needs a new credential.</strong> {problem?.detail}{' '}
      <Link to="/connections/$connectionId" params={{ connectionId: id }}>
        Test it, or replace it
      </Link>
    </p>
  ))
}

function TableList({ snapshotId, tables }: { snapshotId: string; tables: Table[] }) {
  return (
    <nav aria-label="Tables of this snapshot" className={css.side}>
      <ul className={css.tables}>
        {tables.map(table => (
          <li key={table.id}>
            <Link
              to="/s/$snapshotId/t/$tableId"
              params={{ snapshotId, tableId: table.id }}
              className={css.tableLink}
              activeOptions={{ includeSearch: false }}
            >
              <span className={css.tableName}>{table.name}</span>
              {table.edited_count > 0 && (
                <span className={css.edited} title={`${table.edited_count} records with unpublished changes`}>
                  {short(table.edited_count)}
                  <span className={css.hidden}> unpublished</span>
                </span>
              )}
              <span className={css.count}>{table.state === 'empty' ? '–' : short(table.record_count)}</span>
            </Link>
          </li>
        ))}
      </ul>
      <AddTable snapshotId={snapshotId} tables={tables} />
    </nav>
  )
}
