import { Button, Group, Text } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { isFinal } from '@/api/model'
import { planKeys } from '@/api/queries/plans'
import { reread } from '@/api/reread'
import { useLiveJob } from '@/live/job'
import { ProgressBar } from '@/ui/ProgressBar'
import { usePanels } from '@/ui/panels'
import { JobChip } from '@/ui/StatusChip'
import css from './publish.module.css'

/** How far the publish of this plan is. */
export function PublishProgress({ jobId, planId }: { jobId: string; planId: string }) {
  const { data: job } = useLiveJob(jobId)
  const { openJob } = usePanels()
  const client = useQueryClient()
  const ended = job ? isFinal(job.state) : undefined
  useEffect(() => {
    if (ended) void reread(client, planKeys.one(planId))
  }, [ended, planId, client])
  if (!job) return null
  const { done, total } = job.progress
  return (
    <div className={css.progress}>
      <Group justify="space-between">
        <Group gap="sm">
          <JobChip state={job.state} />
          <Text size="sm" role="status">
            {ended ? 'Finished' : 'Publishing'}: {done.toLocaleString('en')}
            {total >= 0 && ` of ${total.toLocaleString('en')}`}
          </Text>
        </Group>
        <Button size="xs" variant="default" onClick={() => openJob(jobId)}>
          Details
        </Button>
      </Group>
      <ProgressBar
        label="Publish"
        done={done}
        total={total}
        look={ended ? (job.state.startsWith('completed') ? 'done' : 'stopped') : 'running'}
      />
    </div>
  )
}
