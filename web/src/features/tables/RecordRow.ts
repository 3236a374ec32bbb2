import type { RecordBody } from '@/api/model'
import type { CellValue } from '@/grid/fields/values'
import type { CellNote, GridRow, RowMark } from '@/grid/source'

/** A value a person typed that the server has not answered for yet, or has refused. */
export interface Pending {
  readonly value: CellValue
  /** What the cell held when the edit began. */
  readonly seen: CellValue
  readonly refused?: string
  /** Numbers the edits: the answer to an older edit of the cell says nothing about a newer one. */
  readonly edit: number
}

export type PendingCells = ReadonlyMap<string, Pending>

/** One record as the grid shows it: what the server said, under what was typed since. */
export class RecordRow implements GridRow {
  readonly id: string

  constructor(
    readonly record: RecordBody,
    readonly pending: PendingCells | undefined,
  ) {
    this.id = record.id
  }

  get mark(): RowMark | undefined {
    return this.record.state === 'live' ? undefined : this.record.state
  }

  value(columnId: string): CellValue {
    const pending = this.pending?.get(columnId)
    return pending ? pending.value : this.record.fields[columnId]
  }

  note(columnId: string): CellNote | undefined {
    const pending = this.pending?.get(columnId)
    if (pending) return pending.refused ? { kind: 'error', reason: pending.refused } : { kind: 'saving' }
    if (this.record.conflicts?.some(c => c.column === columnId)) return { kind: 'conflict' }
    if (this.record.state !== 'new' && this.record.edits && columnId in this.record.edits)
      return { kind: 'unpublished' }
    return undefined
  }
}
