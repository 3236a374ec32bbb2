import { EmptyState } from '@/ui/EmptyState'
import css from './snapshots.module.css'

/** A snapshot that has no table yet; the button that adds one is in the list beside it. */
export function NoTables() {
  return (
    <div className={css.none}>
      <EmptyState title="No tables yet">
        Add a table of one of your connections with “Add tables”. Its records are downloaded, and you can edit
        them here.
      </EmptyState>
    </div>
  )
}
