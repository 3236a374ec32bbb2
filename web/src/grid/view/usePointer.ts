import { type RefObject, useRef } from 'react'
import { contentTop, lastAtOrBefore, type RowGeometry } from '../core/geometry'
import { at, nearest, type Place, type Selection, type Size } from '../core/selection'
import { headerHeight } from './Header'
import { rowHeadWidth } from './Row'

interface Pointing {
  selection: Selection
  select(next: Selection): void
  size: Size
  offsets: readonly number[]
  frozen: number
  geometry: RowGeometry
  edit(place: Place): void
}

/** Click, shift-click, drag and double click, by coordinates: cells need no handlers. */
export function usePointer(scroller: RefObject<HTMLDivElement | null>, p: Pointing) {
  const dragging = useRef(false)

  const placeAt = (event: React.MouseEvent): Place & { rowHead: boolean } => {
    const element = scroller.current
    if (!element) return { row: 0, column: 0, rowHead: false }
    const box = element.getBoundingClientRect()
    const x = event.clientX - box.left - element.clientLeft
    const y = event.clientY - box.top - element.clientTop - headerHeight
    const row = Math.floor((contentTop(p.geometry, element.scrollTop) + y) / p.geometry.rowHeight)
    const inFrozen = x < rowHeadWidth + (p.offsets[p.frozen] ?? 0)
    const column = lastAtOrBefore(p.offsets, x - rowHeadWidth + (inFrozen ? 0 : element.scrollLeft))
    return { ...nearest({ row, column }, p.size), rowHead: x < rowHeadWidth }
  }

  const onCells = (event: React.MouseEvent) =>
    event.target instanceof Element &&
    event.target.closest('[data-editor]') === null &&
    event.target.closest('[role="gridcell"],[role="rowheader"],[data-cells]') !== null

  return {
    onPointerDown(event: React.PointerEvent) {
      if (event.button !== 0 || !onCells(event) || p.size.rows === 0) return
      const place = placeAt(event)
      if (place.rowHead) {
        const anchor = {
          row: event.shiftKey ? p.selection.anchor.row : place.row,
          column: p.size.columns - 1,
        }
        p.select({ anchor, active: { row: place.row, column: 0 } })
        return
      }
      p.select(event.shiftKey ? { anchor: p.selection.anchor, active: place } : at(place))
      // A finger scrolls; only a mouse or a pen draws a range.
      dragging.current = event.pointerType !== 'touch'
    },
    onPointerMove(event: React.PointerEvent) {
      if (!dragging.current) return
      if ((event.buttons & 1) === 0) {
        dragging.current = false
        return
      }
      const place = placeAt(event)
      const { active } = p.selection
      if (place.row === active.row && place.column === active.column) return
      scroller.current?.setPointerCapture(event.pointerId)
      p.select({ anchor: p.selection.anchor, active: { row: place.row, column: place.column } })
    },
    onPointerUp() {
      dragging.current = false
    },
    onDoubleClick(event: React.MouseEvent) {
      if (!onCells(event)) return
      const place = placeAt(event)
      if (!place.rowHead) p.edit(place)
    },
  }
}
