import type { ReactNode } from 'react'
import { isSingle, type Place, type Range } from '../core/selection'
import css from './grid.module.css'
import { rowHeadWidth } from './Row'

interface SelectionBoxesProps {
  range: Range
  active: Place
  offsets: readonly number[]
  frozen: number
  rowHeight: number
  /** The row that lies at the top of the layer. */
  base: number
  editor: ReactNode
  editorFrozen: boolean
}

/**
 * The selection as boxes above the cells: one layer scrolls with the columns,
 * one stays with the frozen ones, and a range that spans both has a part in each.
 */
export function SelectionBoxes(props: SelectionBoxesProps) {
  const { range, active, frozen } = props
  const single = isSingle(range)
  const part = (from: number, to: number) => {
    const left = Math.max(range.left, from)
    const right = Math.min(range.right, to - 1)
    return (
      !single && left <= right && <Box {...props} className={css.range} area={{ ...range, left, right }} />
    )
  }
  const cursor = (
    <Box
      {...props}
      className={css.active}
      area={{ top: active.row, bottom: active.row, left: active.column, right: active.column }}
    />
  )
  return (
    <>
      <div aria-hidden={!props.editor} className={css.frozenLayer}>
        {part(0, frozen)}
        {active.column < frozen && cursor}
        {props.editorFrozen && props.editor}
      </div>
      <div aria-hidden={!props.editor} className={css.layer}>
        {part(frozen, props.offsets.length - 1)}
        {active.column >= frozen && cursor}
        {!props.editorFrozen && props.editor}
      </div>
    </>
  )
}

interface BoxProps extends Omit<SelectionBoxesProps, 'range'> {
  className: string | undefined
  area: Range
}

function Box({ className, area, offsets, rowHeight, base }: BoxProps) {
  const left = offsets[area.left] ?? 0
  return (
    <div
      className={className}
      style={{
        left: rowHeadWidth + left,
        top: (area.top - base) * rowHeight,
        width: (offsets[area.right + 1] ?? left) - left,
        height: (area.bottom - area.top + 1) * rowHeight,
      }}
    />
  )
}
