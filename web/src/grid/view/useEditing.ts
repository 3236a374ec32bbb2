import { useState } from 'react'
import { flushSync } from 'react-dom'
import type { Place } from '../core/selection'
import { type CellValue, full } from '../fields/values'
import type { CellPatch, GridColumn, GridSource } from '../source'

/** The open editor. It belongs to its record, not to its place: a download may move the row. */
export interface Open {
  readonly place: Place
  readonly rowId: string
  readonly column: GridColumn
  readonly initial: string
  readonly original: string
  /** The value when the editor opened: what the person saw and replaces. */
  readonly seen: CellValue
}

interface Editing {
  source: GridSource
  columns: readonly GridColumn[]
  reveal(place: Place): void
  onPatch(patches: readonly CellPatch[]): void
  onNotice(text: string): void
}

export function useEditing({ source, columns, reveal, onPatch, onNotice }: Editing) {
  const [open, setOpen] = useState<Open>()

  /** Opens the editor, with the typed character in place of the text where a key began it. */
  const edit = (place: Place, typed?: string) => {
    const row = source.rowAt(place.row)
    const column = columns[place.column]
    if (!row || !column) return
    if (column.readOnly) return onNotice(`${column.name} cannot be edited: ${column.readOnly}`)
    const seen = row.value(column.id)
    if (column.field.kind === 'boolean') {
      // A box has two states: Enter or a double click turns it over.
      if (typed === undefined) onPatch([{ rowId: row.id, columnId: column.id, value: seen !== true, seen }])
      return
    }
    const original = full(column.field, seen)
    const choice = column.field.kind === 'select' && column.field.options?.length
    const initial = typed === undefined || choice ? original : typed
    reveal(place)
    // Synchronously: the next key must already find the editor.
    flushSync(() => setOpen({ place, rowId: row.id, column, original, initial, seen }))
  }

  const save = (now: Open, value: CellValue) =>
    onPatch([{ rowId: now.rowId, columnId: now.column.id, value, seen: now.seen }])

  return { open, edit, save, shut: () => setOpen(undefined) }
}
