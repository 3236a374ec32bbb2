import { Title } from '@mantine/core'
import { type ReactNode, useEffect } from 'react'
import css from './ui.module.css'

/** A page of the app: its title, what can be done there, and its name in the tab. */
export function Page({
  title,
  actions,
  children,
}: {
  title: string
  actions?: ReactNode
  children: ReactNode
}) {
  useTitle(title)
  return (
    <div className={css.page}>
      <div className={css.heading}>
        <Title order={1}>{title}</Title>
        {actions}
      </div>
      {children}
    </div>
  )
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Scratch`
  }, [title])
}
