import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { isFinal } from '@/api/model'
import { jobsQuery } from '@/api/queries/jobs'
import { many } from '@/lib/format'
import { useFocusBack } from '@/ui/focus'
import { usePanels } from '@/ui/panels'

// Loaded when it is first opened.
const JobDrawer = lazy(() => import('./JobDrawer').then(m => ({ default: m.JobDrawer })))

/** How many jobs run, in the header; opens them beside the page. */
export function JobsMenu() {
  const query = useQuery(jobsQuery())
  const running = query.data?.items.filter(job => !isFinal(job.state)).length ?? 0
  const { job, openJobs } = usePanels()
  useFocusBack(job !== undefined)
  return (
    <>
      <Button
        size="xs"
        variant={running > 0 ? 'filled' : 'default'}
        onClick={openJobs}
        // Where room is short, the link to the jobs is enough.
        {...(running === 0 && { visibleFrom: 'xs' as const })}
      >
        {running > 0 ? `${many(running, 'job')} running` : 'Recent jobs'}
      </Button>
      {job !== undefined && (
        <Suspense>
          <JobDrawer />
        </Suspense>
      )}
    </>
  )
}
