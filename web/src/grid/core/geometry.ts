/** Where rows and columns lie, and which of them must be drawn. Pixels; no DOM. */

/** From `from` (inclusive) to `to` (exclusive). */
export interface Span {
  readonly from: number
  readonly to: number
}

export const emptySpan: Span = { from: 0, to: 0 }

/**
 * Browsers cap the height of an element (Firefox near 17.9 million px). Above
 * this height the scroll bar is scaled: one pixel of it stands for several.
 */
export const maxScrollHeight = 12_000_000

export interface RowGeometry {
  readonly count: number
  readonly rowHeight: number
  /** Visible height below the header. */
  readonly viewHeight: number
}

/** Height that the scrolled element gets. */
export function scrollHeight(g: RowGeometry): number {
  return Math.min(g.count * g.rowHeight, Math.max(maxScrollHeight, g.viewHeight))
}

/** The content pixel shown at the top for a position of the scroll bar. */
export function contentTop(g: RowGeometry, scrollTop: number): number {
  const full = g.count * g.rowHeight
  const scaled = scrollHeight(g)
  const reach = Math.max(0, full - g.viewHeight)
  const scaledReach = Math.max(0, scaled - g.viewHeight)
  if (full === scaled || scaledReach === 0) return clamp(scrollTop, 0, reach)
  return clamp((scrollTop / scaledReach) * reach, 0, reach)
}

/** The inverse of contentTop. */
export function scrollTopFor(g: RowGeometry, top: number): number {
  const full = g.count * g.rowHeight
  const scaled = scrollHeight(g)
  const reach = Math.max(0, full - g.viewHeight)
  const at = clamp(top, 0, reach)
  if (full === scaled || reach === 0) return at
  return (at / reach) * Math.max(0, scaled - g.viewHeight)
}

/**
 * Rows to draw. `speed` is the distance scrolled since the last frame: a fast
 * scroll draws one view ahead in its direction, so that the eye meets rows
 * rather than blank paper; a slow one draws a few rows on both sides.
 */
export function rowWindow(g: RowGeometry, top: number, speed = 0): Span {
  if (g.count === 0 || g.viewHeight <= 0) return emptySpan
  const first = Math.floor(top / g.rowHeight)
  const last = Math.ceil((top + g.viewHeight) / g.rowHeight)
  const near = 4
  const ahead = Math.abs(speed) > 150 ? last - first : near
  const from = first - (speed < 0 ? ahead : near)
  const to = last + (speed > 0 ? ahead : near)
  return { from: clamp(from, 0, g.count), to: clamp(to, 0, g.count) }
}

/** Left edge of every column, and the total width as the last entry. */
export function columnOffsets(widths: readonly number[]): number[] {
  const offsets = [0]
  let left = 0
  for (const width of widths) {
    left += width
    offsets.push(left)
  }
  return offsets
}

/**
 * Scrolling columns to draw, frozen ones apart: columns `frozen…` of which any
 * part lies right of the frozen ones, plus one on each side.
 */
export function columnWindow(
  offsets: readonly number[],
  frozen: number,
  scrollLeft: number,
  viewWidth: number,
): Span {
  const count = offsets.length - 1
  if (count <= frozen || viewWidth <= 0) return { from: Math.min(frozen, count), to: Math.min(frozen, count) }
  const frozenWidth = offsets[frozen] ?? 0
  const left = scrollLeft + frozenWidth
  const right = scrollLeft + viewWidth
  const from = Math.max(frozen, lastAtOrBefore(offsets, left) - 1)
  const to = Math.min(count, lastAtOrBefore(offsets, right) + 2)
  return { from, to: Math.max(from, to) }
}

/** Index of the column whose left edge is the last one at or before x. */
export function lastAtOrBefore(offsets: readonly number[], x: number): number {
  let low = 0
  let high = offsets.length - 2
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((offsets[middle] ?? 0) <= x) low = middle
    else high = middle - 1
  }
  return Math.max(0, low)
}

/** New content top so that the row is wholly visible, moving as little as possible. */
export function revealRow(g: RowGeometry, top: number, row: number): number {
  const start = row * g.rowHeight
  const end = start + g.rowHeight
  if (start < top) return start
  if (end > top + g.viewHeight) return end - g.viewHeight
  return top
}

/** New scrollLeft so that the column is wholly visible right of the frozen ones. */
export function revealColumn(
  offsets: readonly number[],
  frozen: number,
  scrollLeft: number,
  viewWidth: number,
  column: number,
): number {
  if (column < frozen) return scrollLeft
  const frozenWidth = offsets[frozen] ?? 0
  const start = (offsets[column] ?? 0) - frozenWidth
  const end = offsets[column + 1] ?? start
  if (start < scrollLeft) return start
  if (end > scrollLeft + viewWidth) return Math.min(start, end - viewWidth)
  return scrollLeft
}

export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value))
}
