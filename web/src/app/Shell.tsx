import { ActionIcon, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { Link, Outlet, useMatchRoute } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { JobsMenu } from '@/features/jobs/JobsMenu'
import { useLiveState } from '@/live/react'
import { KeyboardIcon, MoonIcon, SunIcon } from '@/ui/icons'
import css from './shell.module.css'

// Loaded when it is first opened.
const ShortcutSheet = lazy(() => import('./ShortcutSheet').then(m => ({ default: m.ShortcutSheet })))

/** The frame around every page: where one can go, what runs, and whether the page is live. */
export function Shell() {
  return (
    <div className={css.shell}>
      <a href="#main" className="skip">
        Skip to the content
      </a>
      <header className={css.header}>
        <Link to="/" className={css.brand}>
          <img src="/icon.svg" alt="" width={22} height={22} />
          Scratch
        </Link>
        <nav aria-label="Main" className={css.nav}>
          <Link to="/" activeOptions={{ exact: true }} className={css.link}>
            Snapshots
          </Link>
          <Link to="/connections" className={css.link}>
            Connections
          </Link>
          <Link to="/jobs" className={css.link}>
            Jobs
          </Link>
        </nav>
        <div className={css.right}>
          <LiveMark />
          <JobsMenu />
          <Shortcuts />
          <SchemeSwitch />
        </div>
      </header>
      <main id="main" tabIndex={-1} className={css.main}>
        <Outlet />
      </main>
    </div>
  )
}

/** Only a loss that lasts is worth a word: three seconds. */
function LiveMark() {
  const state = useLiveState()
  const away = state === 'waiting' || state === 'connecting'
  const [lasting, setLasting] = useState(false)
  useEffect(() => {
    if (!away) {
      setLasting(false)
      return
    }
    const timer = setTimeout(() => setLasting(true), 3000)
    return () => clearTimeout(timer)
  }, [away])
  return (
    <span role="status" className={css.live}>
      {lasting ? (
        <span className={css.away}>reconnecting…</span>
      ) : (
        state === 'open' && (
          <span className={css.open}>
            <span className={css.dot} aria-hidden /> live
          </span>
        )
      )}
    </span>
  )
}

function Shortcuts() {
  const match = useMatchRoute()
  const [opened, setOpened] = useState(false)
  const inTable = match({ to: '/s/$snapshotId/t/$tableId' }) !== false
  useEffect(() => {
    if (!inTable) return
    const listen = (event: KeyboardEvent) => {
      if (event.key !== '/' || !(event.ctrlKey || event.metaKey)) return
      event.preventDefault()
      setOpened(true)
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [inTable])
  if (!inTable) return null
  return (
    <>
      <ActionIcon
        variant="subtle"
        color="gray"
        className={`${css.icon} ${css.keys}`}
        aria-label="Keyboard shortcuts"
        onClick={() => setOpened(true)}
      >
        <KeyboardIcon />
      </ActionIcon>
      {opened && (
        <Suspense>
          <ShortcutSheet opened onClose={() => setOpened(false)} />
        </Suspense>
      )}
    </>
  )
}

function SchemeSwitch() {
  const { setColorScheme } = useMantineColorScheme()
  const now = useComputedColorScheme('light')
  const next = now === 'light' ? 'dark' : 'light'
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      className={css.icon}
      aria-label={`Use the ${next} scheme`}
      onClick={() => setColorScheme(next)}
    >
      {now === 'light' ? <MoonIcon /> : <SunIcon />}
    </ActionIcon>
  )
}
