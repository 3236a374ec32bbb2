import { Button } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { onSignedOut } from '@/api/client'
import { EmptyState } from '@/ui/EmptyState'
import { Page } from '@/ui/Page'

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
    <main>
      {gone === 'session' ? (
        <Page title="You are signed out">
          <EmptyState title="Open your sign-in link" action={<Reload>I have opened the link</Reload>}>
            <code>scratch dev</code> printed it in the terminal, or whoever runs this server made it with{' '}
            <code>scratch sign-in</code>. It works once; either command makes a new one.
          </EmptyState>
        </Page>
      ) : (
        <Page title="There is a new version">
          <EmptyState title="Reload to get it" action={<Reload>Reload</Reload>}>
            Scratch was updated while this tab was open.
          </EmptyState>
        </Page>
      )}
    </main>
  )
}

function Reload({ children }: { children: string }) {
  return <Button onClick={() => location.reload()}>{children}</Button>
}
