import { Title } from '@mantine/core'
import type { ReactNode } from 'react'
import css from './ui.module.css'

/** What stands where nothing is yet: why it is empty, and the way on. */
export function EmptyState({
  title,
  children,
  action,
}: {
  title: string
  children: ReactNode
  action?: ReactNode
}) {
  return (
    <div className={css.empty}>
      <Title order={2}>{title}</Title>
      <p>{children}</p>
      {action}
    </div>
  )
}
