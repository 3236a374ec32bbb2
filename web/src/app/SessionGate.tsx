import { Button } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { onSignedOut } from '@/api/client'
import { useTitle } from '@/ui/Page'
import css from './shell.module.css'

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
    <main className={css.gate}>
      <img src="/icon.svg" alt="" width={44} height={44} />
      {gone === 'session' ? <SignedOut /> : <Outdated />}
    </main>
  )
}

function SignedOut() {
  // The server sends a browser here with a link that signs nobody in any more.
  const used = new URLSearchParams(location.search).get('link') === 'used'
  useTitle(used ? 'This link was used' : 'You are signed out')
  return (
    <>
      <h1>{used ? 'This link was used or has expired' : 'You are signed out'}</h1>
      <p>
        {used ? 'A sign-in link works once, for twelve hours. ' : 'Open your sign-in link to go on. '}
        <code>scratch dev</code> prints one each time it starts; on a server, <code>scratch sign-in</code>{' '}
        makes one.
      </p>
      <Reload>I have opened a link</Reload>
    </>
  )
}

function Outdated() {
  useTitle('There is a new version')
  return (
    <>
      <h1>There is a new version</h1>
      <p>Scratch was updated while this tab was open.</p>
      <Reload>Reload</Reload>
    </>
  )
}

function Reload({ children }: { children: string }) {
  return <Button onClick={() => location.reload()}>{children}</Button>
}
