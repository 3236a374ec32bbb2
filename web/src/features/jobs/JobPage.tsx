import { Skeleton } from '@mantine/core'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useLiveJob } from '@/live/job'
import { ErrorNote } from '@/ui/ErrorNote'
import { Page } from '@/ui/Page'
import { JobView } from './JobView'
import { jobTitle } from './words'

const route = getRouteApi('/jobs/$jobId')

export function JobPage() {
  const { jobId } = route.useParams()
  const query = useLiveJob(jobId)
  const navigate = useNavigate()
  const job = query.data
  return (
    <Page
      title={job ? jobTitle(job) : 'Job'}
      actions={
        job && (
          <Link to="/s/$snapshotId" params={{ snapshotId: job.snapshot_id }}>
            To the snapshot
          </Link>
        )
      }
    >
      {query.isPending && <Skeleton height={200} aria-label="Loading the job" />}
      {query.isError && (
        <ErrorNote
          title="The job could not be read."
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      )}
      {job && (
        <JobView job={job} onRetried={id => void navigate({ to: '/jobs/$jobId', params: { jobId: id } })} />
      )}
    </Page>
  )
}
