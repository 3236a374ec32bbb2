import { useRef } from 'react'
import type { Span } from '../core/geometry'
import type { GridColumn } from '../source'
import css from './grid.module.css'
import { rowHeadWidth } from './Row'

interface HeaderProps {
  columns: readonly GridColumn[]
  offsets: readonly number[]
  frozen: number
  drawn: Span
  width: number
  onSort?: ((columnId: string) => void) | undefined
  onResize?: ((columnId: string, width: number) => void) | undefined
  onSelectAll(): void
}

export const headerHeight = 32
const narrowest = 60
const widest = 900

export function Header(props: HeaderProps) {
  const { columns, frozen, drawn } = props
  const head = (from: number, to: number) =>
    columns
      .slice(from, to)
      .map((column, i) => (
        <HeadCell
          key={column.id}
          column={column}
          index={from + i}
          left={rowHeadWidth + (props.offsets[from + i] ?? 0)}
          onSort={props.onSort}
          onResize={props.onResize}
        />
      ))
  return (
    <div
      role="row"
      aria-rowindex={1}
      className={css.header}
      style={{ width: props.width, height: headerHeight }}
    >
      <div
        role="presentation"
        className={css.frozen}
        style={{ width: rowHeadWidth + (props.offsets[frozen] ?? 0), height: headerHeight }}
      >
        <div
          role="columnheader"
          aria-colindex={1}
          className={css.corner}
          style={{ width: rowHeadWidth }}
          onClick={props.onSelectAll}
          title="Select all"
        >
          <span className={css.hidden}>Row</span>
        </div>
        {head(0, frozen)}
      </div>
      {head(drawn.from, drawn.to)}
    </div>
  )
}

interface HeadCellProps {
  column: GridColumn
  index: number
  left: number
  onSort?: ((columnId: string) => void) | undefined
  onResize?: ((columnId: string, width: number) => void) | undefined
}

function HeadCell({ column, index, left, onSort, onResize }: HeadCellProps) {
  const drag = useRef<{ x: number; width: number } | null>(null)
  const resize = (event: React.PointerEvent<HTMLSpanElement>) => {
    event.preventDefault()
    event.stopPropagation()
    event.currentTarget.setPointerCapture(event.pointerId)
    drag.current = { x: event.clientX, width: column.width }
  }
  const follow = (event: React.PointerEvent) => {
    if (!drag.current) return
    const width = drag.current.width + event.clientX - drag.current.x
    onResize?.(column.id, Math.max(narrowest, Math.min(widest, Math.round(width))))
  }
  return (
    <div
      role="columnheader"
      className={css.head}
      style={{ left, width: column.width }}
      aria-colindex={index + 2}
      aria-sort={column.sort}
      title={column.readOnly ? `${column.name}: ${column.readOnly}` : column.name}
      onClick={onSort && (() => onSort(column.id))}
    >
      <span className={css.text}>{column.name}</span>
      {column.readOnly && (
        <span className={css.lock} aria-hidden>
          read-only
        </span>
      )}
      {column.sort && <span aria-hidden>{column.sort === 'ascending' ? '↑' : '↓'}</span>}
      {onResize && (
        <span
          className={css.resize}
          aria-hidden
          onPointerDown={resize}
          onPointerMove={follow}
          onPointerUp={() => {
            drag.current = null
          }}
          onClick={event => event.stopPropagation()}
        />
      )}
    </div>
  )
}
