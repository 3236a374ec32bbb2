/** The selected range of cells: where it began, and where the cursor is. */

import { clamp } from './geometry'

export interface Place {
  readonly row: number
  readonly column: number
}

export interface Selection {
  /** Where the range began. */
  readonly anchor: Place
  /** The active cell: keys act on it, and a range grows with it. */
  readonly active: Place
}

/** A rectangle, both corners included. */
export interface Range {
  readonly top: number
  readonly left: number
  readonly bottom: number
  readonly right: number
}

export interface Size {
  readonly rows: number
  readonly columns: number
}

export type Step =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'pageUp'
  | 'pageDown'
  | 'rowStart'
  | 'rowEnd'
  | 'columnStart'
  | 'columnEnd'
  | 'first'
  | 'last'

export const origin: Selection = { anchor: { row: 0, column: 0 }, active: { row: 0, column: 0 } }

export function at(place: Place): Selection {
  return { anchor: place, active: place }
}

export function rangeOf(s: Selection): Range {
  return {
    top: Math.min(s.anchor.row, s.active.row),
    left: Math.min(s.anchor.column, s.active.column),
    bottom: Math.max(s.anchor.row, s.active.row),
    right: Math.max(s.anchor.column, s.active.column),
  }
}

export function isSingle(r: Range): boolean {
  return r.top === r.bottom && r.left === r.right
}

export function rowsOf(r: Range): number {
  return r.bottom - r.top + 1
}

export function columnsOf(r: Range): number {
  return r.right - r.left + 1
}

export function contains(r: Range, place: Place): boolean {
  return place.row >= r.top && place.row <= r.bottom && place.column >= r.left && place.column <= r.right
}

/** Moves the active cell; with `extend` the range grows, else it collapses. */
export function move(s: Selection, step: Step, size: Size, page: number, extend: boolean): Selection {
  const active = nearest(target(s.active, step, size, page), size)
  return extend ? { anchor: nearest(s.anchor, size), active } : at(active)
}

function target(from: Place, step: Step, size: Size, page: number): Place {
  const { row, column } = from
  switch (step) {
    case 'up':
      return { row: row - 1, column }
    case 'down':
      return { row: row + 1, column }
    case 'left':
      return { row, column: column - 1 }
    case 'right':
      return { row, column: column + 1 }
    case 'pageUp':
      return { row: row - Math.max(1, page), column }
    case 'pageDown':
      return { row: row + Math.max(1, page), column }
    case 'rowStart':
      return { row, column: 0 }
    case 'rowEnd':
      return { row, column: size.columns - 1 }
    case 'columnStart':
      return { row: 0, column }
    case 'columnEnd':
      return { row: size.rows - 1, column }
    case 'first':
      return { row: 0, column: 0 }
    case 'last':
      return { row: size.rows - 1, column: size.columns - 1 }
  }
}

/** The nearest place inside the table; an empty table keeps 0, 0. */
export function nearest(place: Place, size: Size): Place {
  return {
    row: clamp(place.row, 0, Math.max(0, size.rows - 1)),
    column: clamp(place.column, 0, Math.max(0, size.columns - 1)),
  }
}

export function fitSelection(s: Selection, size: Size): Selection {
  const anchor = nearest(s.anchor, size)
  const active = nearest(s.active, size)
  const same =
    anchor.row === s.anchor.row &&
    anchor.column === s.anchor.column &&
    active.row === s.active.row &&
    active.column === s.active.column
  return same ? s : { anchor, active }
}

export function selectAll(size: Size): Selection {
  return { anchor: { row: size.rows - 1, column: size.columns - 1 }, active: { row: 0, column: 0 } }
}
