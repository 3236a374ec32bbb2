import { Skeleton, Stack, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { isFinal } from '@/api/model'
import { jobsQuery } from '@/api/queries/jobs'
import { useLiveJob } from '@/live/job'
import { SidePanel } from '@/ui/Dialog'
import { ErrorNote } from '@/ui/ErrorNote'
import { usePanels } from '@/ui/panels'
import { JobLine } from './JobLine'
import { JobView } from './JobView'
import css from './jobs.module.css'
import { jobTitle } from './words'

/** A job beside the page one works on. */
export function JobDrawer() {
  const { job, closeJob } = usePanels()
  return (
    <SidePanel
      opened={job !== undefined}
      onClose={closeJob}
      title={job === 'list' ? 'Jobs' : 'Job'}
      size="md"
    >
      {job === 'list' ? <Recent /> : job && <One key={job} id={job} />}
    </SidePanel>
  )
}

function One({ id }: { id: string }) {
  const query = useLiveJob(id)
  const { openJob, closeJob } = usePanels()
  if (query.isError) {
    return (
      <ErrorNote
        title="The job could not be read."
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (!query.data) return <Skeleton height={160} aria-label="Loading the job" />
  return (
    <Stack>
      <Text fw={600}>{jobTitle(query.data)}</Text>
      <JobView job={query.data} onRetried={openJob} />
      <Link to="/jobs/$jobId" params={{ jobId: id }} onClick={closeJob}>
        Open as a page
      </Link>
    </Stack>
  )
}

function Recent() {
  const query = useQuery(jobsQuery())
  const { openJob, closeJob } = usePanels()
  if (query.isError) {
    return (
      <ErrorNote
        title="The jobs could not be read."
        error={query.error}
        onRetry={() => void query.refetch()}
      />
    )
  }
  if (!query.data) return <Skeleton height={160} aria-label="Loading the jobs" />
  const running = query.data.items.filter(job => !isFinal(job.state))
  const rest = query.data.items.filter(job => isFinal(job.state)).slice(0, Math.max(0, 8 - running.length))
  if (query.data.items.length === 0)
    return <Text>Nothing has run yet. Downloads and publishes appear here.</Text>
  return (
    <Stack>
      <ul className={css.lines} aria-label="Recent jobs">
        {[...running, ...rest].map(job => (
          <li key={job.id}>
            <button type="button" className={css.line} onClick={() => openJob(job.id)}>
              <JobLine job={job} />
            </button>
          </li>
        ))}
      </ul>
      <Link to="/jobs" onClick={closeJob}>
        All jobs
      </Link>
    </Stack>
  )
}
