/** What the grid asks of whoever has the data, and what it reports back. */

import type { Span } from './core/geometry'
import type { CellValue, Field } from './fields/values'

export interface GridColumn {
  readonly id: string
  readonly name: string
  readonly field: Field
  readonly width: number
  /** Why no cell of this column can be edited; absent where they can. */
  readonly readOnly?: string
  readonly sort?: 'ascending' | 'descending'
}

/** What a cell is besides its value; shown by colour and shape, and said in its name. */
export type CellNote =
  | { readonly kind: 'unpublished' }
  | { readonly kind: 'saving' }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'error'; readonly reason: string }

export type RowMark = 'new' | 'deleted' | 'remote_deleted'

/** One row. The object is replaced when anything in it changed, never altered. */
export interface GridRow {
  readonly id: string
  readonly mark?: RowMark
  value(columnId: string): CellValue
  note(columnId: string): CellNote | undefined
}

export interface GridSource {
  /** Grows with every change; the grid draws again when it does. */
  readonly version: number
  readonly count: number
  /** undefined: not loaded yet. It is never taken for an empty row. */
  rowAt(index: number): GridRow | undefined
  subscribe(listener: () => void): () => void
  /** The rows that are on screen; the source loads what is missing of them. */
  watch(span: Span, direction: -1 | 0 | 1): void
  /** Resolves once every row of the span is loaded. */
  load(span: Span, signal?: AbortSignal): Promise<void>
}

/** One changed cell. `seen` is the value it replaces, as the person saw it. */
export interface CellPatch {
  readonly rowId: string
  readonly columnId: string
  readonly value: CellValue
  readonly seen: CellValue
}
