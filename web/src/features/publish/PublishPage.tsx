import { Button, Checkbox, Group, Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import type { Table } from '@/api/model'
import { useCreatePlan } from '@/api/queries/plans'
import { tablesQuery } from '@/api/queries/snapshots'
import { many } from '@/lib/format'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { useTitle } from '@/ui/Page'
import css from './publish.module.css'

const route = getRouteApi('/s/$snapshotId/publish')

/** Which tables to publish; the next page shows every change before anything is sent. */
export function PublishPage() {
  const { snapshotId } = route.useParams()
  const tables = useQuery(tablesQuery(snapshotId))
  useTitle('Publish')
  if (tables.isPending) return <Skeleton height={200} aria-label="Loading the tables" />
  if (tables.isError) return <ErrorNote title="The tables could not be read." error={tables.error} />
  const edited = tables.data.filter(table => table.edited_count > 0)
  return (
    <div className={css.page}>
      <h2 className={css.heading}>Publish</h2>
      {edited.length === 0 ? (
        <EmptyState title="Nothing to publish">
          No record of this snapshot has a change that its service does not know. Edit some cells first.
        </EmptyState>
      ) : (
        <Choose key={edited.map(t => t.id).join()} snapshotId={snapshotId} tables={edited} />
      )}
    </div>
  )
}

function Choose({ snapshotId, tables }: { snapshotId: string; tables: Table[] }) {
  const [picked, setPicked] = useState(tables.map(t => t.id))
  const create = useCreatePlan(snapshotId)
  const navigate = route.useNavigate()
  const review = () =>
    create.mutate(picked.length === tables.length ? undefined : picked, {
      onSuccess: plan =>
        void navigate({ to: '/s/$snapshotId/publish/$planId', params: { snapshotId, planId: plan.id } }),
    })
  const records = tables.filter(t => picked.includes(t.id)).reduce((n, t) => n + t.edited_count, 0)
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        review()
      }}
    >
      <Stack>
        <Text>You see every change before anything is sent.</Text>
        <Checkbox.Group label="Tables with unpublished changes" value={picked} onChange={setPicked}>
          <Stack gap={8} mt={8}>
            {tables.map(table => (
              <Checkbox
                key={table.id}
                value={table.id}
                label={table.name}
                description={many(table.edited_count, 'changed record')}
              />
            ))}
          </Stack>
        </Checkbox.Group>
        {create.isError && <ErrorNote title="The plan was not made." error={create.error} />}
        <Group>
          <Button type="submit" disabled={picked.length === 0} loading={create.isPending}>
            {`Review ${many(records, 'record')}`}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
