import { createContext, useContext, useEffect, useRef, useSyncExternalStore } from 'react'
import type { Live, LiveState, TopicListener } from './socket'

export const LiveContext = createContext<Live | null>(null)

function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('There is no LiveContext above this component.')
  return live
}

/** Listens to a topic for as long as the component is shown; undefined listens to nothing. */
export function useTopic(topic: string | undefined, listener: TopicListener): void {
  const live = useLive()
  const latest = useRef(listener)
  useEffect(() => {
    latest.current = listener
  })
  useEffect(() => {
    if (!topic) return
    return live.subscribe(topic, {
      onEvent: event => latest.current.onEvent(event),
      onReset: () => latest.current.onReset(),
    })
  }, [live, topic])
}

export function useLiveState(): LiveState {
  const live = useLive()
  return useSyncExternalStore(live.watch, () => live.state)
}
