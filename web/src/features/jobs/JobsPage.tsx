import { SegmentedControl, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Job } from '@/api/model'
import { jobsQuery } from '@/api/queries/jobs'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { Page } from '@/ui/Page'
import { JobLine } from './JobLine'
import css from './jobs.module.css'

const kinds = [
  { value: '', label: 'All' },
  { value: 'download', label: 'Downloads' },
  { value: 'publish', label: 'Publishes' },
]

export function JobsPage() {
  const [kind, setKind] = useState<Job['kind'] | ''>('')
  const query = useQuery(jobsQuery(kind ? { kind } : {}))
  return (
    <Page
      title="Jobs"
      actions={
        <SegmentedControl
          aria-label="Kind of job"
          value={kind}
          onChange={chosen => setKind(chosen as typeof kind)}
          data={kinds}
        />
      }
    >
      {query.isPending && <Skeleton height={160} aria-label="Loading the jobs" />}
      {query.isError && (
        <ErrorNote
          title="The jobs could not be read."
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      )}
      {query.data?.items.length === 0 && (
        <EmptyState title="Nothing has run yet">
          Downloads and publishes appear here, while they run and after.
        </EmptyState>
      )}
      {query.data && query.data.items.length > 0 && (
        <ul className={css.lines} aria-label="Jobs">
          {query.data.items.map(job => (
            <li key={job.id}>
              <Link to="/jobs/$jobId" params={{ jobId: job.id }} className={css.line}>
                <JobLine job={job} />
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Page>
  )
}
