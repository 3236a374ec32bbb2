import { type ApiError, toApiError } from '@/api/errors'
import type { Fields, RecordOperation } from '@/api/model'
import type { CellPatch } from '@/grid/source'
import type { Pending, PendingCells } from './RecordRow'

/** What a record holds now because of a write. */
export interface Stored {
  readonly id: string
  readonly version: number
  readonly fields: Fields
}

/**
 * Writes all of the operations or none, and tells the version of each record.
 * A refusal is thrown, and names the cells it is about.
 */
export type Write = (
  operations: RecordOperation[],
  operation: string,
) => Promise<readonly { readonly id: string; readonly version: number }[]>

interface Edit extends CellPatch {
  readonly edit: number
}

interface Batch {
  readonly operation: string
  readonly edits: readonly Edit[]
}

const someoneElse =
  'Someone changed this cell after you had opened it. Look at what it holds now, then save yours over it or drop it.'

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
    const operations = asOperations(edits)
    try {
      const versions = new Map((await this.write(operations, operation)).map(r => [r.id, r.version]))
      const stored = new Map<string, Stored>()
      for (const { rowId, columnId, value, edit } of edits) {
        this.drop(rowId, columnId, edit)
        const fields = { ...stored.get(rowId)?.fields, [columnId]: value }
        stored.set(rowId, { id: rowId, version: versions.get(rowId) ?? 0, fields })
      }
      this.onAnswer([...stored.values()])
    } catch (error) {
      const left = this.refuseSome(edits, operations, toApiError(error))
      this.onAnswer([])
      // Nothing was written because of the cells that were named: the others
      // are sent without them.
      if (left.length > 0) this.queue.unshift({ operation, edits: left })
    }
    this.tell()
  }

  /** Marks the cells that the problem names, or all where it names none; answers with the others. */
  private refuseSome(
    edits: readonly Edit[],
    operations: readonly RecordOperation[],
    problem: ApiError,
  ): Edit[] {
    const named = new Map(problem.errors.map(one => [one.field, one]))
    const indexOf = new Map(operations.map((operation, i) => [operation.id, i]))
    const left: Edit[] = []
    for (const edit of edits) {
      const place = `operations[${indexOf.get(edit.rowId)}]`
      const no = named.get(`${place}.fields.${edit.columnId}`) ?? named.get(place)
      if (no) this.refuse(edit, no.code === 'records.cell_changed' ? someoneElse : no.detail)
      else left.push(edit)
    }
    if (left.length < edits.length) return left
    const reason = problem.hint ? `${problem.detail} ${problem.hint}` : problem.detail
    for (const edit of edits) this.refuse(edit, reason)
    return []
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
