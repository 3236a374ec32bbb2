import { useQuery } from '@tanstack/react-query'
import type { Job } from '@/api/model'
import { snapshotsQuery } from '@/api/queries/snapshots'
import { Ago } from '@/ui/Ago'
import { ProgressBar } from '@/ui/ProgressBar'
import { JobChip } from '@/ui/StatusChip'
import css from './jobs.module.css'
import { barLook, howFar, inTheWay, jobTitle } from './words'

/** A job in one line of a list. */
export function JobLine({ job }: { job: Job }) {
  const look = barLook(job.state)
  const said = inTheWay(job)
  const snapshots = useQuery(snapshotsQuery)
  const snapshot = snapshots.data?.find(one => one.id === job.snapshot_id)
  return (
    <span className={css.lineBody}>
      <span className={css.lineHead}>
        <span className={css.lineTitle}>
          {jobTitle(job)}
          {snapshot && ` · ${snapshot.name}`}
        </span>
        <JobChip state={job.state} />
        <span className={css.when}>
          <Ago at={job.created_at} />
        </span>
      </span>
      {look === 'running' && (
        <ProgressBar label={jobTitle(job)} done={job.progress.done} total={job.progress.total} look={look} />
      )}
      <span className={css.when}>
        {[howFar(job.progress, job.state), job.schedule_id && 'by a schedule'].filter(Boolean).join(' · ')}
      </span>
      {said && <span className={css.why}>{said}</span>}
    </span>
  )
}
