import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { flushSync } from 'react-dom'
import {
  columnWindow,
  contentTop,
  emptySpan,
  type RowGeometry,
  revealColumn,
  revealRow,
  rowWindow,
  type Span,
  scrollTopFor,
} from '../core/geometry'
import type { Place } from '../core/selection'
import { headerHeight } from './Header'
import { rowHeadWidth } from './Row'

interface Drawn {
  readonly rows: Span
  readonly columns: Span
  /** What turns a content position into one in the scrolled element. */
  readonly shift: number
}

const nothing: Drawn = { rows: emptySpan, columns: emptySpan, shift: 0 }

/** Which rows and columns are drawn, following the scroll position and the size. */
export function useViewport(
  scroller: RefObject<HTMLDivElement | null>,
  count: number,
  rowHeight: number,
  offsets: readonly number[],
  frozen: number,
  watch: (rows: Span, direction: -1 | 0 | 1) => void,
) {
  const [size, setSize] = useState({ width: 0, height: 0 })
  const [drawn, setDrawn] = useState(nothing)
  const shown = useRef(nothing)
  const last = useRef({ top: 0, settle: 0 })
  const geometry: RowGeometry = useMemo(
    () => ({ count, rowHeight, viewHeight: Math.max(0, size.height - headerHeight) }),
    [count, rowHeight, size.height],
  )

  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight })
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [scroller])

  const draw = useCallback(
    (speed: number, urgent: boolean) => {
      const element = scroller.current
      if (!element) return
      const top = contentTop(geometry, element.scrollTop)
      const next: Drawn = {
        rows: rowWindow(geometry, top, speed),
        columns: columnWindow(offsets, frozen, element.scrollLeft, size.width - rowHeadWidth),
        shift: Math.round(element.scrollTop - top),
      }
      if (!equal(shown.current, next)) {
        shown.current = next
        // A scroll draws before the browser paints: a frame later the eye would
        // meet blank paper. Layout effects cannot and need not.
        if (urgent) flushSync(() => setDrawn(next))
        else setDrawn(next)
      }
      const first = Math.floor(top / rowHeight)
      const bottom = Math.ceil((top + geometry.viewHeight) / rowHeight)
      watch({ from: first, to: Math.min(count, bottom) }, speed === 0 ? 0 : speed > 0 ? 1 : -1)
    },
    [scroller, geometry, offsets, frozen, size.width, rowHeight, count, watch],
  )

  useLayoutEffect(() => draw(0, false), [draw])
  useEffect(() => () => clearTimeout(last.current.settle), [])

  const onScroll = useCallback(() => {
    const element = scroller.current
    if (!element) return
    const speed = element.scrollTop - last.current.top
    last.current.top = element.scrollTop
    clearTimeout(last.current.settle)
    draw(speed, true)
    last.current.settle = window.setTimeout(() => draw(0, false), 140)
  }, [scroller, draw])

  const reveal = useCallback(
    (place: Place) => {
      const element = scroller.current
      if (!element) return
      const top = revealRow(geometry, contentTop(geometry, element.scrollTop), place.row)
      element.scrollTop = scrollTopFor(geometry, top)
      element.scrollLeft = revealColumn(
        offsets,
        frozen,
        element.scrollLeft,
        element.clientWidth - rowHeadWidth,
        place.column,
      )
      onScroll()
    },
    [scroller, geometry, offsets, frozen, onScroll],
  )

  return {
    geometry,
    drawn,
    onScroll,
    reveal,
    pageRows: Math.max(1, Math.floor(geometry.viewHeight / rowHeight) - 1),
  }
}

function equal(a: Drawn, b: Drawn): boolean {
  return (
    a.shift === b.shift &&
    a.rows.from === b.rows.from &&
    a.rows.to === b.rows.to &&
    a.columns.from === b.columns.from &&
    a.columns.to === b.columns.to
  )
}
