/** What a key, a paste or a fill changes, as patches, and what it leaves alone and why. */

import { type CellValue, parse, same } from '../fields/values'
import type { CellPatch, GridColumn, GridSource } from '../source'
import { pasteSize, tile } from './clipboard'
import { columnsOf, type Range, rowsOf } from './selection'

export interface Changes {
  readonly patches: readonly CellPatch[]
  /** Cells left alone, with the reason of the first. */
  readonly skipped: number
  readonly reason: string | undefined
}

class Collector {
  readonly patches: CellPatch[] = []
  skipped = 0
  reason: string | undefined

  skip(reason: string) {
    this.skipped++
    this.reason ??= reason
  }

  /** Undefined source rows are refused: what was not seen must not be overwritten. */
  put(source: GridSource, row: number, column: GridColumn | undefined, value: CellValue) {
    if (!column || row >= source.count) return this.skip('It does not fit into the table.')
    if (column.readOnly) return this.skip(`${column.name}: ${column.readOnly}`)
    const target = source.rowAt(row)
    if (!target) return this.skip('The row is not loaded yet.')
    const seen = target.value(column.id)
    if (same(seen ?? null, value)) return
    this.patches.push({ rowId: target.id, columnId: column.id, value, seen })
  }
}

/** Empties the cells of the range. */
export function clear(source: GridSource, columns: readonly GridColumn[], range: Range): Changes {
  const out = new Collector()
  each(range, (row, column) => out.put(source, row, columns[column], null))
  return out
}

/** Copies the first row of the range into the others; a single row takes the row above. */
export function fillDown(source: GridSource, columns: readonly GridColumn[], range: Range): Changes {
  const out = new Collector()
  const from = range.top === range.bottom ? range.top - 1 : range.top
  const origin = from >= 0 ? source.rowAt(from) : undefined
  if (!origin) return out
  each({ ...range, top: from + 1 }, (row, c) => {
    const column = columns[c]
    if (column) out.put(source, row, column, origin.value(column.id) ?? null)
  })
  return out
}

/** The rows a paste will touch, so that they can be loaded first. */
export function pasteRange(block: readonly (readonly string[])[], range: Range): Range {
  const size = pasteSize(block, rowsOf(range), columnsOf(range))
  return {
    top: range.top,
    left: range.left,
    bottom: range.top + size.rows - 1,
    right: range.left + size.columns - 1,
  }
}

/** Pastes a block of text at the range. */
export function paste(
  source: GridSource,
  columns: readonly GridColumn[],
  range: Range,
  block: readonly (readonly string[])[],
): Changes {
  const out = new Collector()
  const target = pasteRange(block, range)
  each(target, (row, c) => {
    const text = tile(block, row - target.top, c - target.left)
    const column = columns[c]
    // A short line of a ragged block says nothing about the cells it lacks.
    if (text === undefined) return
    if (!column) return out.skip('It does not fit into the table.')
    const parsed = parse(column.field, text)
    if (!parsed.ok) return out.skip(`${column.name}: ${parsed.reason}`)
    out.put(source, row, column, parsed.value)
  })
  return out
}

function each(range: Range, visit: (row: number, column: number) => void) {
  for (let row = range.top; row <= range.bottom; row++) {
    for (let column = range.left; column <= range.right; column++) visit(row, column)
  }
}
