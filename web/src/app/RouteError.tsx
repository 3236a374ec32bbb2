import { type ErrorComponentProps, useRouter } from '@tanstack/react-router'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { LinkButton } from '@/ui/LinkButton'
import { Page } from '@/ui/Page'
import css from '@/ui/ui.module.css'

/** What a page shows in its place when it fails; the shell stays. */
export function RouteError({ error, reset }: ErrorComponentProps) {
  const router = useRouter()
  const again = () => {
    reset()
    void router.invalidate()
  }
  return (
    <div className={css.page}>
      <ErrorNote error={error} title="This page could not be shown." onRetry={again} />
    </div>
  )
}

export function NotFound() {
  return (
    <Page title="There is no such page">
      <EmptyState title="Nothing here" action={<LinkButton to="/">To the snapshots</LinkButton>}>
        The address may be mistyped, or what it named was deleted.
      </EmptyState>
    </Page>
  )
}
