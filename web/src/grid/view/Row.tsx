import { memo } from 'react'
import type { Span } from '../core/geometry'
import type { GridColumn, GridRow, RowMark } from '../source'
import { Cell } from './Cell'
import css from './grid.module.css'

/** Width of the column that holds the row's number and mark. */
export const rowHeadWidth = 64

interface RowProps {
  gridId: string
  row: GridRow | undefined
  index: number
  top: number
  height: number
  width: number
  columns: readonly GridColumn[]
  offsets: readonly number[]
  frozen: number
  drawn: Span
  /** Selected columns, both included; -1 where the row has none. */
  selectedFrom: number
  selectedTo: number
}

const marks: Record<RowMark, { sign: string; said: string }> = {
  new: { sign: '+', said: 'new' },
  deleted: { sign: '−', said: 'will be deleted' },
  remote_deleted: { sign: '∅', said: 'gone at the service' },
}

export function cellId(gridId: string, row: number, column: number): string {
  return `${gridId}-r${row}c${column}`
}

function RowView(props: RowProps) {
  const { gridId, row, index, top, height, width, columns, offsets, frozen, drawn } = props
  const cell = (c: number) => {
    const column = columns[c]
    if (!column || !row) return null
    return (
      <Cell
        key={column.id}
        id={cellId(gridId, index, c)}
        row={row}
        rowIndex={index}
        column={column}
        columnIndex={c}
        left={rowHeadWidth + (offsets[c] ?? 0)}
        selected={c >= props.selectedFrom && c <= props.selectedTo}
      />
    )
  }
  const mark = row?.mark ? marks[row.mark] : undefined
  return (
    <div
      role="row"
      className={[css.row, row?.mark && css[row.mark]].filter(Boolean).join(' ')}
      aria-rowindex={index + 2}
      aria-busy={!row || undefined}
      style={{ top, height, width }}
    >
      <div
        role="presentation"
        className={css.frozen}
        style={{ width: rowHeadWidth + (offsets[frozen] ?? 0) }}
      >
        <div
          role="rowheader"
          className={css.rowHead}
          style={{ width: rowHeadWidth }}
          aria-colindex={1}
          data-row={index}
        >
          {mark && (
            <span className={css.sign} aria-hidden>
              {mark.sign}
            </span>
          )}
          <span>{(index + 1).toLocaleString('en')}</span>
          {mark && <span className={css.hidden}>, {mark.said}</span>}
          {!row && <span className={css.hidden}>, loading</span>}
        </div>
        {row && span(0, Math.min(frozen, columns.length)).map(cell)}
      </div>
      {row ? (
        span(drawn.from, drawn.to).map(cell)
      ) : (
        <Skeleton drawn={drawn} columns={columns} offsets={offsets} />
      )}
    </div>
  )
}

function Skeleton({ drawn, columns, offsets }: Pick<RowProps, 'drawn' | 'columns' | 'offsets'>) {
  return span(drawn.from, drawn.to).map(c => {
    const column = columns[c]
    if (!column) return null
    return (
      <span
        key={column.id}
        aria-hidden
        className={css.skeleton}
        style={{ left: rowHeadWidth + (offsets[c] ?? 0) + 8, width: Math.min(column.width - 16, 90) }}
      />
    )
  })
}

function span(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}

export const Row = memo(RowView)
