import { Button, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { lazy, Suspense, useState } from 'react'
import type { Snapshot } from '@/api/model'
import { snapshotsQuery } from '@/api/queries/snapshots'
import { Ago } from '@/ui/Ago'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { Page } from '@/ui/Page'
import css from './home.module.css'

// Loaded when it is first opened.
const NewSnapshot = lazy(() => import('./NewSnapshot').then(m => ({ default: m.NewSnapshot })))

/** The snapshots: where everybody begins. */
export function HomePage() {
  const snapshots = useQuery(snapshotsQuery)
  const [making, setMaking] = useState(false)
  const create = <Button onClick={() => setMaking(true)}>New snapshot</Button>
  return (
    <Page title="Snapshots" actions={snapshots.data?.length ? create : undefined}>
      {snapshots.isPending && <Skeleton height={140} aria-label="Loading the snapshots" />}
      {snapshots.isError && (
        <ErrorNote
          title="The snapshots could not be read."
          error={snapshots.error}
          onRetry={() => void snapshots.refetch()}
        />
      )}
      {snapshots.data?.length === 0 && (
        <EmptyState title="No snapshots yet" action={create}>
          A snapshot holds tables that were downloaded from your services. You edit them here, and nothing
          leaves before you publish it.
        </EmptyState>
      )}
      {snapshots.data && snapshots.data.length > 0 && (
        <ul className={css.list} aria-label="Snapshots">
          {snapshots.data.map(one => (
            <SnapshotCard key={one.id} snapshot={one} />
          ))}
        </ul>
      )}
      {making && (
        <Suspense>
          <NewSnapshot onClose={() => setMaking(false)} />
        </Suspense>
      )}
    </Page>
  )
}

function SnapshotCard({ snapshot }: { snapshot: Snapshot }) {
  return (
    <li>
      <Link to="/s/$snapshotId" params={{ snapshotId: snapshot.id }} className={css.card}>
        <span className={css.name}>{snapshot.name}</span>
        <span className={css.facts}>
          changed <Ago at={snapshot.updated_at} />
        </span>
      </Link>
    </li>
  )
}
