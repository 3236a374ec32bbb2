import { useSyncExternalStore } from 'react'
import { ago } from '@/lib/format'

/** One clock for all the times on the page, ticking only while one is shown. */
const clock = {
  now: Date.now(),
  listeners: new Set<() => void>(),
  timer: 0,
  subscribe(listener: () => void) {
    clock.listeners.add(listener)
    if (clock.listeners.size === 1) {
      clock.now = Date.now()
      clock.timer = window.setInterval(() => {
        clock.now = Date.now()
        for (const one of clock.listeners) one()
      }, 1000)
    }
    return () => {
      clock.listeners.delete(listener)
      if (clock.listeners.size === 0) clearInterval(clock.timer)
    }
  },
}

/** Now, to the second. */
export function useNow(): number {
  return useSyncExternalStore(clock.subscribe, () => clock.now)
}

export function Ago({ at }: { at: string }) {
  const now = useNow()
  return (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {ago(Date.parse(at), now)}
    </time>
  )
}
