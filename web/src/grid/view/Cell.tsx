import { memo } from 'react'
import { alignsRight, show } from '../fields/values'
import type { CellNote, GridColumn, GridRow } from '../source'
import css from './grid.module.css'

interface CellProps {
  id: string
  row: GridRow
  rowIndex: number
  column: GridColumn
  columnIndex: number
  left: number
  selected: boolean
}

const said: Record<CellNote['kind'], string> = {
  unpublished: 'unpublished edit',
  saving: 'saving',
  conflict: 'conflict: changed at the service too',
  error: 'not saved',
}

function CellView({ id, row, rowIndex, column, columnIndex, left, selected }: CellProps) {
  const value = row.value(column.id)
  const note = row.note(column.id)
  const text = show(column.field, value)
  const className = [css.cell, alignsRight(column.field.kind) && css.right, note && css[note.kind]]
    .filter(Boolean)
    .join(' ')
  return (
    <div
      id={id}
      role="gridcell"
      className={className}
      style={{ left, width: column.width }}
      aria-colindex={columnIndex + 2}
      aria-selected={selected}
      aria-readonly={column.readOnly !== undefined || undefined}
      aria-invalid={note?.kind === 'error' || undefined}
      data-row={rowIndex}
      data-col={column.id}
      title={note?.kind === 'error' ? note.reason : undefined}
    >
      {column.field.kind === 'boolean' && typeof value === 'boolean' ? (
        <span className={value ? css.checked : css.unchecked}>
          <span className={css.hidden}>{text}</span>
        </span>
      ) : (
        <span className={css.text}>{text}</span>
      )}
      {note && <span className={css.hidden}>, {note.kind === 'error' ? note.reason : said[note.kind]}</span>}
    </div>
  )
}

export const Cell = memo(CellView)
