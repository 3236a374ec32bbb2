import { Button, Checkbox, Group, Select, Skeleton, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { toApiError } from '@/api/errors'
import type { Connection, RemoteTable, Table } from '@/api/model'
import { connectionsQuery, connectorsQuery, remoteTablesQuery } from '@/api/queries/connections'
import { useAddTable, useDownload } from '@/api/queries/snapshots'
import { many } from '@/lib/format'
import { Dialog } from '@/ui/Dialog'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { LinkButton } from '@/ui/LinkButton'
import { usePanels } from '@/ui/panels'
import { errorsByField, type FormValues, readForm, toObject } from '@/ui/schema/form'
import { SchemaForm } from '@/ui/schema/SchemaForm'
import css from './snapshots.module.css'

interface AddTableProps {
  snapshotId: string
  tables: Table[]
}

export function AddTable(props: AddTableProps) {
  const [opened, setOpened] = useState(false)
  return (
    <>
      <Button size="xs" variant="default" fullWidth onClick={() => setOpened(true)}>
        Add tables
      </Button>
      <Dialog opened={opened} onClose={() => setOpened(false)} title="Add tables" size="lg">
        <Choose {...props} onClose={() => setOpened(false)} />
      </Dialog>
    </>
  )
}

function Choose({ snapshotId, tables, onClose }: AddTableProps & { onClose(): void }) {
  const connections = useQuery(connectionsQuery)
  const connectors = useQuery(connectorsQuery)
  const titleOf = (service: string) => connectors.data?.find(c => c.service === service)?.title ?? service
  const [picked, setPicked] = useState<string | null>(null)
  if (connections.isPending) return <Skeleton height={120} aria-label="Loading the connections" />
  if (connections.isError) {
    return (
      <ErrorNote
        title="The connections could not be read."
        error={connections.error}
        onRetry={() => void connections.refetch()}
      />
    )
  }
  const [first] = connections.data
  if (!first) {
    return (
      <EmptyState
        title="No connections yet"
        action={
          <LinkButton to="/connections" onClick={onClose}>
            To the connections
          </LinkButton>
        }
      >
        Connect a service or upload a CSV file first; its tables are then offered here.
      </EmptyState>
    )
  }
  const connection = connections.data.find(c => c.id === picked) ?? first
  return (
    <Stack>
      <Select
        label="Connection"
        data={connections.data.map(c => ({
          value: c.id,
          label: c.name === titleOf(c.service) ? c.name : `${c.name} · ${titleOf(c.service)}`,
        }))}
        value={connection.id}
        onChange={setPicked}
        allowDeselect={false}
      />
      <RemoteTables
        key={connection.id}
        connection={connection}
        snapshotId={snapshotId}
        added={new Set(tables.filter(t => t.connection_id === connection.id).map(t => t.remote_id))}
        onClose={onClose}
      />
    </Stack>
  )
}

interface RemoteTablesProps {
  connection: Connection
  snapshotId: string
  added: ReadonlySet<string>
  onClose(): void
}

function RemoteTables({ connection, snapshotId, added, onClose }: RemoteTablesProps) {
  const remote = useQuery(remoteTablesQuery(connection.id))
  const [picked, setPicked] = useState<string[]>([])
  const [search, setSearch] = useState('')
  const adding = useAddAll(snapshotId, connection.id)
  const connectors = useQuery(connectorsQuery)
  const schema = connectors.data?.find(c => c.service === connection.service)?.settings
  const fields = useMemo(() => readForm(schema), [schema])
  const [values, setValues] = useState<FormValues>({})
  if (remote.isPending) return <Skeleton height={160} aria-label="Asking the service for its tables" />
  if (remote.isError) {
    return (
      <ErrorNote
        title={`${connection.name} did not list its tables.`}
        error={remote.error}
        onRetry={() => void remote.refetch()}
      />
    )
  }
  if (remote.data.length === 0) return <Text>This connection has no tables that can be read.</Text>
  const shown = remote.data.filter(t => t.name.toLowerCase().includes(search.trim().toLowerCase()))
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        adding.mutate(picked, toObject(fields, values), onClose)
      }}
    >
      <Stack>
        {remote.data.length > 8 && (
          <TextInput label="Search" value={search} onChange={event => setSearch(event.currentTarget.value)} />
        )}
        <Checkbox.Group label="Tables" value={picked} onChange={setPicked}>
          <Stack gap={6} mt={6} className={css.choices}>
            {shown.map(table => (
              <Checkbox
                key={table.remote_id}
                value={table.remote_id}
                label={table.name}
                description={facts(table, added.has(table.remote_id))}
                disabled={added.has(table.remote_id)}
              />
            ))}
            {shown.length === 0 && <Text size="sm">No table has “{search}” in its name.</Text>}
          </Stack>
        </Checkbox.Group>
        {fields.length > 0 && (
          <SchemaForm
            fields={fields}
            values={values}
            errors={errorsByField(fields, adding.error ? toApiError(adding.error).errors : [])}
            onChange={(name, value) => setValues(now => ({ ...now, [name]: value }))}
          />
        )}
        {adding.error ? <ErrorNote title="Not every table was added." error={adding.error} /> : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Back
          </Button>
          <Button type="submit" disabled={picked.length === 0} loading={adding.isPending}>
            {picked.length > 0 ? `Add and download ${many(picked.length, 'table')}` : 'Add and download'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function facts(table: RemoteTable, added: boolean): string | undefined {
  if (added) return 'Already in this snapshot'
  const parts = [
    table.group,
    table.rows !== undefined && many(table.rows, 'record'),
    table.read_only && (table.why || 'read-only'),
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(' · ') : undefined
}

/** Adds the tables one by one, downloads them together, and opens the first. */
function useAddAll(snapshotId: string, connectionId: string) {
  const add = useAddTable(snapshotId)
  const download = useDownload(snapshotId)
  const navigate = useNavigate()
  const { openJob } = usePanels()
  const mutate = async (remoteIds: string[], settings: Record<string, unknown>, done: () => void) => {
    try {
      const added: string[] = []
      for (const remote_id of remoteIds) {
        const table = { connection_id: connectionId, remote_id }
        const body = Object.keys(settings).length > 0 ? { ...table, settings } : table
        added.push((await add.mutateAsync(body)).id)
      }
      const [first] = added
      if (!first) return
      void navigate({ to: '/s/$snapshotId/t/$tableId', params: { snapshotId, tableId: first } })
      const { job } = await download.mutateAsync({ tables: added, mode: 'full' })
      openJob(job.id)
      done()
    } catch {
      // The mutation that failed holds its error, and the form shows it.
    }
  }
  return { mutate, isPending: add.isPending || download.isPending, error: add.error ?? download.error }
}
