import { diffWordsWithSpace } from 'diff'
import { memo, useMemo } from 'react'
import css from './ui.module.css'

interface DiffProps {
  from: string
  to: string
}

/** Above this the words are not compared: it would hold up the page. */
const longest = 20_000

/** What a text was and will be: changed words marked in place, short values as a pair. */
export const Diff = memo(function Diff({ from, to }: DiffProps) {
  const parts = useMemo(() => {
    const whole = [
      { removed: true, added: false, value: from },
      { removed: false, added: true, value: to },
    ]
    if (from.length + to.length > longest) return whole
    const found = diffWordsWithSpace(from, to)
    const kept = found.filter(p => !p.added && !p.removed).reduce((n, p) => n + p.value.length, 0)
    // Where little stays, marks in place are confetti.
    return kept * 3 < Math.max(from.length, to.length) ? whole : found
  }, [from, to])
  let place = 0
  return (
    <span className={css.diff}>
      {parts.map(part => {
        const key = `${place}${part.added ? '+' : part.removed ? '-' : ''}`
        place += part.value.length + 1
        if (part.value === '') return null
        if (part.removed) return <Removed key={key} text={part.value} />
        if (part.added) return <Added key={key} text={part.value} />
        return <span key={key}>{part.value}</span>
      })}
    </span>
  )
})

export function Removed({ text }: { text: string }) {
  return <del className={css.del}>{text}</del>
}

export function Added({ text }: { text: string }) {
  return <ins className={css.ins}>{text}</ins>
}
