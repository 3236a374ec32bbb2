import { useEffect, useRef } from 'react'

/**
 * Brings the focus back to where it was when a panel closes. The button that
 * opened it may have been disabled while it was busy, and lost the focus before
 * the panel could note it.
 */
export function useFocusBack(opened: boolean): void {
  const place = useRef<HTMLElement>(undefined)
  const was = useRef(opened)
  useEffect(() => {
    const note = ({ target }: FocusEvent) => {
      if (target instanceof HTMLElement && !target.closest('[role="dialog"]')) place.current = target
    }
    document.addEventListener('focusin', note)
    return () => document.removeEventListener('focusin', note)
  }, [])
  useEffect(() => {
    const closed = was.current && !opened
    was.current = opened
    if (closed && document.activeElement === document.body) place.current?.focus({ preventScroll: true })
  }, [opened])
}
