import { Button, Group, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { isFinal, type Job, type TableOutcome } from '@/api/model'
import { type JobCommand, outcomesQuery, useDecideJob, useJobCommand, useRetryJob } from '@/api/queries/jobs'
import { meQuery } from '@/api/queries/me'
import { tablesQuery } from '@/api/queries/snapshots'
import { duration } from '@/lib/format'
import { Rate } from '@/lib/rate'
import { Ago, useNow } from '@/ui/Ago'
import { ErrorNote, ProblemNote } from '@/ui/ErrorNote'
import { ProgressBar } from '@/ui/ProgressBar'
import { JobChip } from '@/ui/StatusChip'
import css from './jobs.module.css'
import { barLook, commandsFor, howFar, inTime, jobTitle, outcome, runPage } from './words'

/** One job: how far it is, table by table, and what can be done about it. */
export function JobView({ job, onRetried }: { job: Job; onRetried(id: string): void }) {
  const ended = isFinal(job.state)
  return (
    <Stack gap="md">
      <Group gap="sm">
        <JobChip state={job.state} />
        <Elapsed job={job} />
        {job.progress.step && !ended && <Text size="sm">{job.progress.step}</Text>}
      </Group>
      <Overall job={job} />
      <Circumstances job={job} />
      <Actions job={job} onRetried={onRetried} />
      <Tables job={job} />
      {job.plan_id && (
        <Link
          to="/s/$snapshotId/publish/$planId"
          params={{ snapshotId: job.snapshot_id, planId: job.plan_id }}
        >
          See every record of this publish
        </Link>
      )}
      <Origin job={job} />
    </Stack>
  )
}

/** Where it comes from, and by which names to look for it. */
function Origin({ job }: { job: Job }) {
  return (
    <p className={css.foot}>
      <span>
        {job.started_at ? 'started' : 'asked for'} <Ago at={job.started_at ?? job.created_at} />
      </span>
      {job.schedule_id && (
        <span>
          by a{' '}
          <Link to="/s/$snapshotId/schedules" params={{ snapshotId: job.snapshot_id }}>
            schedule
          </Link>
        </span>
      )}
      {job.retry_of && (
        <span>
          again after{' '}
          <Link to="/jobs/$jobId" params={{ jobId: job.retry_of }}>
            an earlier job
          </Link>
        </span>
      )}
      <span>{job.id}</span>
      <Run job={job} />
    </p>
  )
}

/** Its run in the workflow engine: for administrators a link to the page that Temporal has of it. */
function Run({ job }: { job: Job }) {
  const { data: me } = useQuery(meQuery)
  const run = runPage(me?.temporal_ui, job)
  if (!run) return <span title="Its name in Temporal">{job.workflow_id}</span>
  return (
    <a href={run} target="_blank" rel="noreferrer" title={job.workflow_id}>
      its run in Temporal
    </a>
  )
}

function Overall({ job }: { job: Job }) {
  const left = useTimeLeft(job.progress.done, job.progress.total, job.state === 'running')
  const said = outcome(job.progress)
  return (
    <div>
      <ProgressBar
        label={jobTitle(job)}
        done={job.progress.done}
        total={job.progress.total}
        look={barLook(job.state)}
      />
      <Group justify="space-between" mt={4}>
        <Text size="sm">
          {howFar(job.progress, job.state)}
          {said && (
            <Text span c="dimmed">
              {`: ${said}`}
            </Text>
          )}
        </Text>
        {left !== undefined && <Text size="sm">about {duration(left)} left</Text>}
      </Group>
    </div>
  )
}

/** Why it is not simply running: it waits, it is stuck, the engine is away, it failed. */
function Circumstances({ job }: { job: Job }) {
  return (
    <>
      {(job.state === 'waiting' || (job.waiting_why && !isFinal(job.state))) && (
        <Text size="sm">
          {job.state === 'waiting' && (job.waiting_why ? 'Waiting: ' : 'Waiting')}
          {job.waiting_why}
          {job.waiting_until && <Until at={job.waiting_until} />}
        </Text>
      )}
      {job.state === 'cancelling' && (
        <Text size="sm">Cancelling. What was already done is kept; nothing new is begun.</Text>
      )}
      {job.state === 'stalled' && (
        <Text size="sm">
          No sign of life{job.alive_at && <> since </>}
          {job.alive_at && <Ago at={job.alive_at} />}. It goes on by itself once a worker is free.
        </Text>
      )}
      {job.engine_away && (
        <Text size="sm">The workflow engine cannot be reached; this is what was last known.</Text>
      )}
      {job.problem && (
        <ProblemNote problem={job.problem} title={isFinal(job.state) ? 'Why it ended' : 'What it met'} />
      )}
    </>
  )
}

function Until({ at }: { at: string }) {
  const now = useNow()
  const left = Date.parse(at) - now
  return left > 0 ? <>, for {duration(left)} more</> : <>, any moment now</>
}

function Actions({ job, onRetried }: { job: Job; onRetried(id: string): void }) {
  const command = useJobCommand(job.id)
  const retry = useRetryJob(job.id)
  const can = commandsFor(job)
  const button = (what: JobCommand, label: string) => (
    <Button
      size="xs"
      variant="default"
      onClick={() => command.mutate(what)}
      loading={command.isPending && command.variables === what}
    >
      {label}
    </Button>
  )
  if (!can.pause && !can.resume && !can.cancel && !can.retry) return null
  return (
    <>
      <Group gap="xs">
        {can.pause && button('pause', 'Pause')}
        {can.resume && button('resume', 'Resume')}
        {can.cancel && button('cancel', 'Cancel')}
        {can.retry && (
          <Button
            size="xs"
            variant="default"
            onClick={() => retry.mutate(undefined, { onSuccess: ({ job: next }) => onRetried(next.id) })}
            loading={retry.isPending}
          >
            Run again
          </Button>
        )}
      </Group>
      {(command.error ?? retry.error) && (
        <ErrorNote title="That was not done." error={command.error ?? retry.error} />
      )}
    </>
  )
}

function Tables({ job }: { job: Job }) {
  const outcomes = useQuery(outcomesQuery(job.id, job.state))
  const tables = useQuery(tablesQuery(job.snapshot_id))
  const nameOf = (id: string) => tables.data?.find(t => t.id === id)?.name ?? id
  if (outcomes.isError) {
    return (
      <ErrorNote
        title="The tables of this job could not be read."
        error={outcomes.error}
        onRetry={() => void outcomes.refetch()}
      />
    )
  }
  if (!outcomes.data || outcomes.data.length === 0) return null
  return (
    <ul className={css.tables} aria-label="Tables of this job">
      {outcomes.data.map(one => (
        <TableProgress key={one.table_id} job={job} outcome={one} name={nameOf(one.table_id)} />
      ))}
    </ul>
  )
}

function Elapsed({ job }: { job: Job }) {
  const now = useNow()
  if (!job.started_at) return null
  const end = job.ended_at ? Date.parse(job.ended_at) : now
  const took = end - Date.parse(job.started_at)
  return <Text size="sm">{job.ended_at ? inTime(took) : duration(took)}</Text>
}

function TableProgress({ job, outcome: one, name }: { job: Job; outcome: TableOutcome; name: string }) {
  const left = useTimeLeft(one.progress.done, one.progress.total, one.state === 'running')
  const said = outcome(one.progress)
  // Any other wait ends by itself: there is nothing to remove or to keep.
  const asks = one.state === 'waiting' && one.problem?.code === 'job.asks'
  const took =
    one.started_at && one.ended_at ? Date.parse(one.ended_at) - Date.parse(one.started_at) : undefined
  return (
    <li className={css.table}>
      <div className={css.tableHead}>
        <span className={css.tableName}>{name}</span>
        <JobChip state={one.state} />
      </div>
      <ProgressBar
        label={name}
        done={one.progress.done}
        total={one.progress.total}
        look={barLook(one.state)}
      />
      <Group justify="space-between" gap="xs">
        <Text size="xs">
          {howFar(one.progress, one.state)}
          {said && (
            <Text span c="dimmed">
              {`: ${said}`}
            </Text>
          )}
          {one.progress.step && !isFinal(one.state) && ` · ${one.progress.step}`}
        </Text>
        {left !== undefined && <Text size="xs">about {duration(left)} left</Text>}
        {took !== undefined && <Text size="xs">{inTime(took)}</Text>}
      </Group>
      {one.problem && (
        <ProblemNote
          problem={one.problem}
          mild={!isFinal(one.state)}
          title={
            isFinal(one.state)
              ? `${name} was not finished.`
              : asks
                ? `${name} waits for your word.`
                : `${name} waits, and goes on by itself.`
          }
        />
      )}
      {asks && <Decide job={job} tableId={one.table_id} />}
      {one.warnings.map(warning => (
        <ProblemNote key={`${warning.code} ${warning.detail}`} problem={warning} title="Good to know" mild />
      ))}
    </li>
  )
}

/** A download that would remove many records asks first. */
function Decide({ job, tableId }: { job: Job; tableId: string }) {
  const decide = useDecideJob(job.id)
  const say = (remove: boolean) => decide.mutate({ table_id: tableId, remove })
  return (
    <>
      <Group gap="xs">
        <Button size="xs" variant="default" loading={decide.isPending} onClick={() => say(false)}>
          Keep the records
        </Button>
        <Button size="xs" color="red.9" loading={decide.isPending} onClick={() => say(true)}>
          Remove them here
        </Button>
      </Group>
      {decide.isError && <ErrorNote title="Your word did not arrive." error={decide.error} />}
    </>
  )
}

/** Milliseconds left at the pace of the last half minute; undefined while it is too early to say. */
function useTimeLeft(done: number, total: number, running: boolean): number | undefined {
  const rate = useRef(new Rate())
  const [left, setLeft] = useState<number>()
  useEffect(() => {
    if (!running || total < 0) {
      setLeft(undefined)
      return
    }
    rate.current.add(Date.now(), done)
    setLeft(rate.current.left(total))
  }, [done, total, running])
  return left
}
