import { Button, Menu } from '@mantine/core'
import { useId, useState } from 'react'
import type { Schedule, Table } from '@/api/model'
import { useDeleteSchedule, usePauseSchedule, useTriggerSchedule } from '@/api/queries/schedules'
import { Confirm } from '@/ui/Confirm'
import { ErrorNote } from '@/ui/ErrorNote'
import { StatusChip } from '@/ui/StatusChip'
import { NextRuns } from './NextRuns'
import { PauseReason } from './PauseReason'
import { JobLink, Runs } from './Runs'
import css from './schedules.module.css'
import { lost, terms, whenInWords } from './words'

interface ScheduleCardProps {
  schedule: Schedule
  tables: Table[]
  onEdit(): void
}

/** One schedule: when, what, what comes next and what came of the last times. */
export function ScheduleCard({ schedule, tables, onEdit }: ScheduleCardProps) {
  const heading = useId()
  const trigger = useTriggerSchedule(schedule)
  const pause = usePauseSchedule(schedule)
  const [dialog, setDialog] = useState<'pause' | 'delete'>()
  const close = () => setDialog(undefined)
  const triggered = trigger.data
  const error = trigger.error ?? pause.error
  const nameOf = (id: string) => tables.find(t => t.id === id)?.name ?? 'a table that is gone'
  return (
    <li className={css.card} aria-labelledby={heading}>
      <div className={css.head}>
        <h3 id={heading} className={css.when}>
          {whenInWords(schedule)}
        </h3>
        {schedule.paused && (
          <StatusChip tone="warn" sign="‖">
            paused
          </StatusChip>
        )}
        {schedule.pending && (
          <StatusChip tone="calm" sign="…">
            taking effect
          </StatusChip>
        )}
        <div className={css.actions}>
          <Button size="xs" variant="default" loading={trigger.isPending} onClick={() => trigger.mutate()}>
            Run now
          </Button>
          <Button
            size="xs"
            variant="default"
            aria-disabled={pause.isPending}
            onClick={() => !pause.isPending && pause.mutate({ paused: !schedule.paused })}
          >
            {schedule.paused ? 'Resume' : 'Pause'}
          </Button>
          <Button size="xs" variant="default" onClick={onEdit}>
            Edit…
          </Button>
          <Menu position="bottom-end">
            <Menu.Target>
              <Button
                size="xs"
                variant="subtle"
                color="gray"
                className={css.quiet}
                aria-label="More about this schedule"
              >
                ⋯
              </Button>
            </Menu.Target>
            <Menu.Dropdown>
              {!schedule.paused && (
                <Menu.Item onClick={() => setDialog('pause')}>Pause with a reason…</Menu.Item>
              )}
              <Menu.Item onClick={() => setDialog('delete')}>Delete…</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </div>
      </div>
      {schedule.note && <p className={css.note}>{schedule.note}</p>}
      <NextRuns schedule={schedule} />
      <p className={css.terms}>{terms(schedule, nameOf).join(' · ')}</p>
      {lost(schedule).map(words => (
        <p key={words} className={css.terms}>
          {words}
        </p>
      ))}
      <p role="status" className={css.said}>
        {trigger.isPending && 'Asking for a run…'}
        {triggered?.warnings?.map(warning => `${warning.detail} `)}
        {triggered?.job && (
          <>
            {!triggered.waits && 'Its download has begun. '}
            <JobLink
              id={triggered.job.id}
              what={triggered.waits ? 'the one that it waits for' : 'the run you asked for'}
            />
          </>
        )}
      </p>
      {error && <ErrorNote title="That was not done." error={error} />}
      <Runs runs={schedule.runs} />
      <PauseReason
        opened={dialog === 'pause'}
        onClose={close}
        onPause={why => {
          pause.mutate({ paused: true, why })
          close()
        }}
      />
      <Delete schedule={schedule} opened={dialog === 'delete'} onClose={close} />
    </li>
  )
}

function Delete({ schedule, opened, onClose }: { schedule: Schedule; opened: boolean; onClose(): void }) {
  const remove = useDeleteSchedule(schedule)
  return (
    <Confirm
      opened={opened}
      title="Delete the schedule"
      action="Delete the schedule"
      danger
      pending={remove.isPending}
      error={remove.error ?? undefined}
      onConfirm={() => remove.mutate(undefined, { onSuccess: onClose })}
      onClose={onClose}
    >
      “{whenInWords(schedule)}” comes no more. A download under way goes on, and what was downloaded stays.
    </Confirm>
  )
}
