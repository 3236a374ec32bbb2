import { Button } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { onSignedOut } from '@/api/client'
import { EmptyState } from '@/ui/EmptyState'
import css from '@/ui/ui.module.css'

/** Says what to do when the server does not know who asks, or is newer than this tab. */
export function SessionGate({ children }: { children: ReactNode }) {
  const [gone, setGone] = useState<'session' | 'version'>()
  useEffect(() => {
    const outdated = () => setGone('version')
    document.addEventListener('scratch:new-version', outdated)
    const stop = onSignedOut(() => setGone('session'))
    return () => {
      document.removeEventListener('scratch:new-version', outdated)
      stop()
    }
  }, [])
  if (!gone) return children
  return (
    <main className={css.page}>
      {gone === 'session' ? (
        <EmptyState title="You are signed out" action={<Reload>I have opened the link</Reload>}>
          Open the sign-in link that <code>scratch dev</code> printed in the terminal. It works once; start
          the command again for a new one.
        </EmptyState>
      ) : (
        <EmptyState title="There is a new version" action={<Reload>Reload</Reload>}>
          Scratch was updated while this tab was open.
        </EmptyState>
      )}
    </main>
  )
}

function Reload({ children }: { children: string }) {
  return <Button onClick={() => location.reload()}>{children}</Button>
}
