import { type ReactNode, useState } from 'react'
import css from './ui.module.css'

/** A long text in a few lines, until somebody wants it all. `length` is that of the text. */
export function Clamp({ length, children }: { length: number; children: ReactNode }) {
  const [open, setOpen] = useState(false)
  if (length < 600) return children
  return (
    <>
      <span className={open ? undefined : css.clamped}>{children}</span>
      <button type="button" className={css.copy} aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? 'Show less' : 'Show all'}
      </button>
    </>
  )
}
