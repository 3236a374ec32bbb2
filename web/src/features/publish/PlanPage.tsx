import { Button, Group, SegmentedControl, Skeleton, Stack, Text } from '@mantine/core'
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { Plan, Table } from '@/api/model'
import { type ItemFilter, itemsQuery, planKeys, planQuery, useRetryFailed } from '@/api/queries/plans'
import { tablesQuery } from '@/api/queries/snapshots'
import { reread, told } from '@/api/reread'
import { useTopic } from '@/live/react'
import { Ago } from '@/ui/Ago'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote, ProblemNote } from '@/ui/ErrorNote'
import { useTitle } from '@/ui/Page'
import { StatusChip } from '@/ui/StatusChip'
import { ApplyPlan } from './ApplyPlan'
import { ItemCard } from './ItemCard'
import { PublishProgress } from './PublishProgress'
import css from './publish.module.css'
import { filtersFor, planChip, summary } from './words'

const route = getRouteApi('/s/$snapshotId/publish/$planId')

/** A plan: what will be, is being, or was published, record by record. */
export function PlanPage() {
  const { snapshotId, planId } = route.useParams()
  const client = useQueryClient()
  const plan = useQuery(planQuery(planId))
  const tables = useQuery(tablesQuery(snapshotId))
  useTitle('Publish plan')
  const readAll = () => void reread(client, planKeys.one(planId))
  useTopic(`snapshot:${snapshotId}`, {
    onReset: readAll,
    onEvent: event => {
      if (event.type !== 'plan.changed' || event.data.plan_id !== planId) return
      const { state, counts } = event.data
      told<Plan>(client, planQuery(planId).queryKey, now => ({ ...now, state, counts: { ...counts } }))
      // Every item has a state of its own: they are read once the publish settles.
      if (state !== 'applying') readAll()
    },
  })
  const error = plan.error ?? tables.error
  if (error) {
    return (
      <div className={css.page}>
        <ErrorNote title="The plan could not be read." error={error} onRetry={() => void plan.refetch()} />
      </div>
    )
  }
  if (!plan.data || !tables.data || plan.data.state === 'building') {
    return (
      <div className={css.page}>
        <Text role="status">Comparing your changes…</Text>
        <Skeleton height={220} mt="md" />
      </div>
    )
  }
  return <Ready plan={plan.data} tables={tables.data} />
}

function Ready({ plan, tables }: { plan: Plan; tables: Table[] }) {
  const chip = planChip(plan)
  return (
    <div className={css.page}>
      <Group justify="space-between" mb={4}>
        <Group gap="sm">
          <h2 className={css.heading}>{plan.state === 'ready' ? 'What will be published' : 'Publish'}</h2>
          <StatusChip tone={chip.tone}>{chip.word}</StatusChip>
        </Group>
        <Text size="sm">{summary(plan.counts)}</Text>
      </Group>
      <Dates plan={plan} />
      <Stack mt="md">
        {plan.problems?.map(problem => (
          <ProblemNote
            key={`${problem.code} ${problem.detail}`}
            problem={problem}
            title="Will not be sent as it is"
          />
        ))}
        {plan.job_id && <PublishProgress jobId={plan.job_id} planId={plan.id} />}
        {plan.state === 'superseded' && (
          <Group>
            <Text size="sm">A newer plan has taken these records over. Nothing of this one was sent.</Text>
            <Link to="/s/$snapshotId/publish" params={{ snapshotId: plan.snapshot_id }}>
              Make a new plan
            </Link>
          </Group>
        )}
        <Again plan={plan} />
        <Items plan={plan} tables={tables} />
        {plan.state === 'ready' && <ApplyPlan plan={plan} />}
      </Stack>
    </div>
  )
}

/** How old what one reviews is, and what it repeats. */
function Dates({ plan }: { plan: Plan }) {
  return (
    <p className={css.dates}>
      {plan.applied_at ? (
        <>
          published <Ago at={plan.applied_at} />
        </>
      ) : (
        <>
          compared <Ago at={plan.created_at} />
        </>
      )}
      {plan.retry_of && (
        <>
          {' · what failed in '}
          <Link
            to="/s/$snapshotId/publish/$planId"
            params={{ snapshotId: plan.snapshot_id, planId: plan.retry_of }}
          >
            an earlier publish
          </Link>
        </>
      )}
    </p>
  )
}

/** After a publish that left records behind: do these again. */
function Again({ plan }: { plan: Plan }) {
  const retry = useRetryFailed(plan.id)
  const navigate = route.useNavigate()
  const ended = plan.state === 'applied' || plan.state === 'stopped'
  if (!ended || plan.counts.failed === 0) return null
  const start = () =>
    retry.mutate(undefined, {
      onSuccess: next =>
        void navigate({
          to: '/s/$snapshotId/publish/$planId',
          params: { snapshotId: plan.snapshot_id, planId: next.id },
        }),
    })
  return (
    <div>
      <Button variant="default" onClick={start} loading={retry.isPending}>
        {`Retry the ${plan.counts.failed} failed`}
      </Button>
      {retry.isError && <ErrorNote title="The failed records were not tried again." error={retry.error} />}
    </div>
  )
}

function Items({ plan, tables }: { plan: Plan; tables: Table[] }) {
  const [choice, setChoice] = useState('all')
  const filters = filtersFor(plan.counts)
  const chosen = filters.find(f => f.value === choice) ?? filters[0]
  const filter: ItemFilter = chosen?.filter ?? {}
  const items = useInfiniteQuery(itemsQuery(plan.id, filter))
  const byId = useMemo(() => new Map(tables.map(t => [t.id, t])), [tables])
  const shown = items.data?.pages.flatMap(page => page.items ?? []) ?? []
  return (
    <section aria-label="Records of this plan">
      {filters.length > 1 && (
        <SegmentedControl
          mb="sm"
          aria-label="Which records"
          value={chosen?.value ?? 'all'}
          onChange={setChoice}
          data={filters.map(({ value, label }) => ({ value, label }))}
        />
      )}
      {items.isPending && <Skeleton height={200} aria-label="Loading the records" />}
      {items.isError && (
        <ErrorNote
          title="The records could not be read."
          error={items.error}
          onRetry={() => void items.refetch()}
        />
      )}
      {items.data && shown.length === 0 && (
        <EmptyState title="None">This plan has no such record.</EmptyState>
      )}
      <ul className={css.items}>
        {shown.map(item => (
          <ItemCard key={item.id} item={item} plan={plan} table={byId.get(item.table_id)} />
        ))}
      </ul>
      {items.hasNextPage && (
        <Button
          variant="default"
          mt="sm"
          onClick={() => void items.fetchNextPage()}
          loading={items.isFetchingNextPage}
        >
          Show more
        </Button>
      )}
    </section>
  )
}
