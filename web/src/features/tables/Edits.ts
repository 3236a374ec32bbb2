import { toApiError } from '@/api/errors'
import type { Fields, RecordOperation } from '@/api/model'
import type { CellPatch } from '@/grid/source'
import type { Pending, PendingCells } from './RecordRow'

/** What became of one record of a write: its version now, and the cells that were refused. */
export interface Written {
  readonly id: string
  readonly version: number
  readonly refused: readonly { readonly column: string; readonly reason: string }[]
}

/** What a record holds now because of a write. */
export interface Stored {
  readonly id: string
  readonly version: number
  readonly fields: Fields
}

export type Write = (operations: readonly RecordOperation[], operation: string) => Promise<readonly Written[]>

interface Edit extends CellPatch {
  readonly edit: number
}

interface Batch {
  readonly operation: string
  readonly edits: readonly Edit[]
}

/** A request carries at most this many cells; a larger paste goes in several, which undo as one. */
const mostCells = 1000

/**
 * What was typed and is not yet known to be stored. Shown at once, sent one
 * request after the other in the order of the typing; a cell that the server
 * refused stays as it was typed, marked, until it is sent again or discarded.
 */
export class Edits {
  private readonly cells = new Map<string, Map<string, Pending>>()
  private readonly listeners = new Set<() => void>()
  private queue: Batch[] = []
  private sending = false
  private made = 0

  constructor(
    private readonly write: Write,
    /** After every answer, also one that refused everything. */
    private readonly onAnswer: (stored: readonly Stored[]) => void,
    private readonly newId: () => string,
  ) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  of(recordId: string): PendingCells | undefined {
    return this.cells.get(recordId)
  }

  /** Cells that wait for their answer, and cells that were refused. */
  get counts(): { waiting: number; refused: number } {
    let waiting = 0
    let refused = 0
    for (const row of this.cells.values()) {
      for (const cell of row.values()) cell.refused === undefined ? waiting++ : refused++
    }
    return { waiting, refused }
  }

  put(patches: readonly CellPatch[]): void {
    const operation = this.newId()
    const edits = patches.map(patch => ({ ...patch, edit: ++this.made }))
    for (const edit of edits) this.set(edit)
    for (let i = 0; i < edits.length; i += mostCells) {
      this.queue.push({ operation, edits: edits.slice(i, i + mostCells) })
    }
    this.tell()
    void this.send()
  }

  /**
   * Sends the refused cells of a record again, over what they hold now: whoever
   * asks for it has seen that.
   */
  retry(recordId: string, now: Fields): void {
    const refused = [...(this.cells.get(recordId) ?? [])].filter(([, cell]) => cell.refused !== undefined)
    this.put(
      refused.map(([columnId, { value }]) => ({ rowId: recordId, columnId, value, seen: now[columnId] })),
    )
  }

  /** Drops the refused cells of a record: what the server has is shown again. */
  discard(recordId: string): void {
    for (const [columnId, cell] of [...(this.cells.get(recordId) ?? [])]) {
      if (cell.refused !== undefined) this.drop(recordId, columnId, cell.edit)
    }
    this.tell()
  }

  private async send(): Promise<void> {
    if (this.sending) return
    this.sending = true
    try {
      for (let batch = this.queue.shift(); batch; batch = this.queue.shift()) await this.sendOne(batch)
    } finally {
      this.sending = false
      this.tell()
    }
  }

  private async sendOne({ operation, edits }: Batch): Promise<void> {
    try {
      const written = new Map((await this.write(asOperations(edits), operation)).map(one => [one.id, one]))
      const stored = new Map<string, Stored>()
      for (const edit of edits) {
        const one = written.get(edit.rowId)
        const no = one?.refused.find(r => r.column === edit.columnId)
        if (!one || no) {
          this.refuse(edit, no?.reason ?? 'The server did not say what became of it.')
          continue
        }
        this.drop(edit.rowId, edit.columnId, edit.edit)
        const fields = { ...stored.get(edit.rowId)?.fields, [edit.columnId]: edit.value }
        stored.set(edit.rowId, { id: edit.rowId, version: one.version, fields })
      }
      this.onAnswer([...stored.values()])
    } catch (error) {
      const problem = toApiError(error)
      const reason = problem.hint ? `${problem.detail} ${problem.hint}` : problem.detail
      for (const edit of edits) this.refuse(edit, reason)
      this.onAnswer([])
    }
    this.tell()
  }

  private refuse(edit: Edit, reason: string): void {
    const now = this.cells.get(edit.rowId)?.get(edit.columnId)
    if (now?.edit === edit.edit) this.set(edit, reason)
  }

  private set({ rowId, columnId, value, seen, edit }: Edit, refused?: string): void {
    const pending: Pending = refused === undefined ? { value, seen, edit } : { value, seen, edit, refused }
    this.cells.set(rowId, new Map(this.cells.get(rowId)).set(columnId, pending))
  }

  /** Takes the cell out, unless a newer edit of it is on its way. */
  private drop(rowId: string, columnId: string, edit: number): void {
    const cells = this.cells.get(rowId)
    if (cells?.get(columnId)?.edit !== edit) return
    const rest = new Map(cells)
    rest.delete(columnId)
    if (rest.size > 0) this.cells.set(rowId, rest)
    else this.cells.delete(rowId)
  }

  private tell(): void {
    for (const listener of [...this.listeners]) listener()
  }
}

/** One operation for each record, with all its cells. */
export function asOperations(patches: readonly CellPatch[]): RecordOperation[] {
  const byRecord = new Map<string, { fields: Fields; seen: Fields }>()
  for (const patch of patches) {
    const one = byRecord.get(patch.rowId) ?? { fields: {}, seen: {} }
    byRecord.set(patch.rowId, one)
    one.fields[patch.columnId] = patch.value
    // A cell that had no value is compared with null: JSON has no "absent".
    one.seen[patch.columnId] = patch.seen ?? null
  }
  return [...byRecord].map(([id, { fields, seen }]) => ({ op: 'update', id, fields, seen }))
}
