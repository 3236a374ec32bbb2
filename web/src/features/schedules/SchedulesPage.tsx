import { Button, Skeleton } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useState } from 'react'
import type { Schedule } from '@/api/model'
import { scheduleKeys, schedulesQuery } from '@/api/queries/schedules'
import { tablesQuery } from '@/api/queries/snapshots'
import { reread } from '@/api/reread'
import { useTopic } from '@/live/react'
import { Dialog } from '@/ui/Dialog'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { useTitle } from '@/ui/Page'
import ui from '@/ui/ui.module.css'
import { ScheduleCard } from './ScheduleCard'
import { ScheduleForm } from './ScheduleForm'
import css from './schedules.module.css'

const route = getRouteApi('/s/$snapshotId/schedules')

/** When the snapshot is downloaded by itself: what is planned, and what came of it. */
export function SchedulesPage() {
  const { snapshotId } = route.useParams()
  const client = useQueryClient()
  const schedules = useQuery(schedulesQuery(snapshotId))
  const tables = useQuery(tablesQuery(snapshotId))
  const [open, setOpen] = useState<Schedule | 'new'>()
  useTitle('Schedules')
  const read = () => void reread(client, scheduleKeys.of(snapshotId))
  useTopic(`snapshot:${snapshotId}`, {
    onReset: read,
    onEvent: event => {
      if (event.type === 'schedule.changed' || event.type === 'job.changed') read()
    },
  })
  const add = <Button onClick={() => setOpen('new')}>New schedule</Button>
  const known = tables.data ?? []
  return (
    <div className={css.page}>
      <div className={ui.heading}>
        <h2 className={css.heading}>Schedules</h2>
        {schedules.data && schedules.data.length > 0 && add}
      </div>
      {schedules.isPending && <Skeleton height={180} aria-label="Loading the schedules" />}
      {schedules.isError && (
        <ErrorNote
          title="The schedules could not be read."
          error={schedules.error}
          onRetry={() => void schedules.refetch()}
        />
      )}
      {schedules.data?.some(s => s.engine_away) && (
        <p role="status" className={css.away}>
          The workflow engine cannot be reached. What you change is kept and takes effect when it is back;
          until then the next times are not known.
        </p>
      )}
      {schedules.data?.length === 0 && (
        <EmptyState title="Downloaded when you ask" action={add}>
          A schedule downloads this snapshot by itself: every few hours, or at a time of the day. Your edits
          stay on top, as with every download.
        </EmptyState>
      )}
      {schedules.data && schedules.data.length > 0 && (
        <ul className={css.list} aria-label="Schedules">
          {schedules.data.map(schedule => (
            <ScheduleCard
              key={schedule.id}
              schedule={schedule}
              tables={known}
              onEdit={() => setOpen(schedule)}
            />
          ))}
        </ul>
      )}
      <Dialog
        opened={open !== undefined}
        onClose={() => setOpen(undefined)}
        title={open === 'new' ? 'New schedule' : 'Edit the schedule'}
        size="lg"
      >
        {open && (
          <ScheduleForm
            key={open === 'new' ? open : open.id}
            snapshotId={snapshotId}
            schedule={open === 'new' ? undefined : open}
            tables={known}
            onClose={() => setOpen(undefined)}
          />
        )}
      </Dialog>
    </div>
  )
}
