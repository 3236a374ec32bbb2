import { Button, Group, Text } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { toApiError } from '@/api/errors'
import type { Plan } from '@/api/model'
import { useApplyPlan } from '@/api/queries/plans'
import { many } from '@/lib/format'
import { Confirm } from '@/ui/Confirm'
import { ErrorNote } from '@/ui/ErrorNote'
import css from './publish.module.css'
import { summary, toSend } from './words'

/** More deletes than this are confirmed by typing their number. */
const manyDeletes = 20

/** The button that sends what was seen, and nothing else. */
export function ApplyPlan({ plan }: { plan: Plan }) {
  const apply = useApplyPlan(plan)
  const [asking, setAsking] = useState(false)
  const { deletes, blocked } = plan.counts
  const send = toSend(plan.counts)
  // A plan that is stale cannot be published however often one asks: what to do
  // instead stands on the page, under the question.
  const stale = apply.error !== null && toApiError(apply.error).status === 409
  const start = () =>
    apply.mutate(undefined, {
      onSuccess: () => setAsking(false),
      onError: error => toApiError(error).status === 409 && setAsking(false),
    })
  return (
    <div className={css.apply}>
      <Group justify="space-between">
        <Text size="sm">
          {send === 0 ? 'Nothing of this plan can be sent.' : 'Nothing was sent yet.'}
          {blocked > 0 &&
            send > 0 &&
            ` ${many(blocked, 'record')} the service would refuse ${blocked === 1 ? 'is' : 'are'} left out.`}
        </Text>
        <Button
          disabled={send === 0}
          loading={apply.isPending}
          onClick={() => (deletes > 0 ? setAsking(true) : start())}
        >
          {`Publish ${many(send, 'record')}`}
        </Button>
      </Group>
      {apply.isError && !asking && <ErrorNote title="Nothing was published." error={apply.error} />}
      {stale && (
        <Link to="/s/$snapshotId/publish" params={{ snapshotId: plan.snapshot_id }}>
          Make a new plan
        </Link>
      )}
      <Confirm
        opened={asking}
        title="Publish with deletions"
        action={`Publish ${many(send, 'record')}`}
        danger
        {...(deletes > manyDeletes && { typed: String(deletes) })}
        pending={apply.isPending}
        error={apply.error ?? undefined}
        onConfirm={start}
        onClose={() => setAsking(false)}
      >
        {many(deletes, 'record')} will be deleted at the service. In all: {summary(plan.counts)}.
      </Confirm>
    </div>
  )
}
