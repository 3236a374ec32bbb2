import { useCallback, useState } from 'react'
import { isRecord } from '@/api/errors'

type Widths = Readonly<Record<string, number>>

/** The widths a person chose, kept in this browser. */
export function useWidths(tableId: string): [Widths, (column: string, width: number) => void] {
  const key = `scratch.widths.1.${tableId}`
  const [widths, setWidths] = useState(() => read(key))
  const set = useCallback(
    (column: string, width: number) =>
      setWidths(now => {
        const next = { ...now, [column]: width }
        try {
          localStorage.setItem(key, JSON.stringify(next))
        } catch {
          // A full or forbidden storage costs the memory of a width, nothing else.
        }
        return next
      }),
    [key],
  )
  return [widths, set]
}

function read(key: string): Widths {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(key) ?? '{}')
    if (!isRecord(stored)) return {}
    const numbers = Object.entries(stored).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number',
    )
    return Object.fromEntries(numbers)
  } catch {
    return {}
  }
}
