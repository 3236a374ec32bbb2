import type { Fields, RecordBody, RecordsPage } from '@/api/model'
import type { Span } from '@/grid/core/geometry'
import { same } from '@/grid/fields/values'
import type { GridSource } from '@/grid/source'
import type { Edits, Stored } from './Edits'
import { RecordRow } from './RecordRow'

export const pageSize = 200
/** About 10,000 records are kept; the pages looked at longest ago go first. */
const mostPages = 50

export type ReadPage = (at: number, limit: number, signal: AbortSignal) => Promise<RecordsPage>

interface Loaded {
  readonly ids: readonly string[]
  /** Something in it changed since: it is shown, and read again when it is on screen. */
  stale: boolean
}

interface Loading {
  readonly abort: AbortController
  readonly done: Promise<void>
}

/**
 * A table's records under one filter and sort, page by page as they come into
 * view. A row that is not loaded is undefined, never empty.
 */
export class RecordPages implements GridSource {
  version = 0
  count = 0
  /** Whether `count` is the whole truth, or "at least". */
  exact = true
  /** The server is still laying out this order; until then reading is slower. */
  preparing = false
  /** undefined until the first page came. */
  error: unknown
  ready = false

  private readonly pages = new Map<number, Loaded>()
  private readonly loading = new Map<number, Loading>()
  private readonly records = new Map<string, RecordBody>()
  private readonly rows = new Map<string, RecordRow>()
  private readonly listeners = new Set<() => void>()
  /** Pages whose answer on its way may be old already. */
  private readonly outdated = new Set<number>()
  private watched: Span = { from: 0, to: 0 }
  private closed = false
  private stopEdits: (() => void) | undefined

  constructor(
    private readonly read: ReadPage,
    private readonly edits: Edits,
  ) {}

  /** Begins to follow the edits; may be called again after close. */
  open(): void {
    this.closed = false
    this.stopEdits ??= this.edits.subscribe(() => this.changed())
    if (this.ready) this.refresh()
    else void this.fetch(0)
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  rowAt(index: number): RecordRow | undefined {
    const id = this.pages.get(Math.floor(index / pageSize))?.ids[index % pageSize]
    return id === undefined ? undefined : this.row(id)
  }

  /** The record by id, where it is loaded. */
  row(id: string): RecordRow | undefined {
    const record = this.records.get(id)
    if (!record) return undefined
    const pending = this.edits.of(id)
    const known = this.rows.get(id)
    if (known && known.record === record && known.pending === pending) return known
    const row = new RecordRow(record, pending)
    this.rows.set(id, row)
    return row
  }

  /** Where the record stands, where its page is loaded. */
  indexOf(id: string): number | undefined {
    for (const [page, { ids }] of this.pages) {
      const place = ids.indexOf(id)
      if (place >= 0) return page * pageSize + place
    }
    return undefined
  }

  watch(span: Span, direction: -1 | 0 | 1): void {
    this.watched = span
    if (!this.ready) return
    const wanted = pagesOf(span)
    for (const page of wanted) {
      this.touch(page)
      if (this.missing(page)) void this.fetch(page)
    }
    // One page ahead of the scroll; what was passed by is no longer waited for.
    const ahead = direction < 0 ? (wanted[0] ?? 0) - 1 : (wanted.at(-1) ?? 0) + 1
    if (direction !== 0 && this.exists(ahead) && this.missing(ahead)) void this.fetch(ahead)
    for (const [page, { abort }] of this.loading) {
      if (page !== 0 && page !== ahead && !wanted.includes(page) && !this.held.has(page)) abort.abort()
    }
  }

  /** Pages that a copy or a paste waits for; scrolling on does not drop them. */
  private readonly held = new Set<number>()

  async load(span: Span, signal?: AbortSignal): Promise<void> {
    const wanted = pagesOf({ from: span.from, to: Math.min(span.to, this.count) }).filter(
      p => !this.pages.has(p),
    )
    for (const page of wanted) this.held.add(page)
    try {
      for (const page of wanted) {
        signal?.throwIfAborted()
        await this.fetch(page)
        if (!this.pages.has(page)) throw this.error ?? new Error('The rows could not be loaded.')
      }
    } finally {
      for (const page of wanted) this.held.delete(page)
    }
  }

  /** Everything may have changed: what is on screen is read again now, the rest when it is looked at. */
  refresh(): void {
    for (const page of this.pages.values()) page.stale = true
    // An answer on its way may be older than the change. It is not given up: a
    // stream of changes would then leave nothing to look at.
    for (const page of this.loading.keys()) this.outdated.add(page)
    this.error = undefined
    this.fetchShown()
    this.changed()
  }

  private fetchShown(): void {
    if (!this.ready || this.count === 0) {
      if (!this.loading.has(0)) void this.fetch(0)
    } else this.watch(this.watched, 0)
  }

  /** Shows what a write stored without waiting for it to be read again. */
  apply(stored: readonly Stored[]): void {
    for (const { id, version, fields } of stored) {
      const record = this.records.get(id)
      if (record && record.version < version) this.records.set(id, withEdits(record, version, fields))
    }
    this.changed()
  }

  close(): void {
    this.closed = true
    this.stopEdits?.()
    this.stopEdits = undefined
    for (const { abort } of this.loading.values()) abort.abort()
  }

  private exists(page: number): boolean {
    return page >= 0 && page * pageSize < this.count
  }

  private missing(page: number): boolean {
    const loaded = this.pages.get(page)
    return (!loaded || loaded.stale) && !this.loading.has(page)
  }

  private fetch(page: number): Promise<void> {
    const running = this.loading.get(page)
    if (running) return running.done
    const abort = new AbortController()
    const done = this.read(page * pageSize, pageSize, abort.signal)
      .then(answer => {
        if (!this.closed && !abort.signal.aborted) this.take(page, answer)
      })
      .catch(error => {
        if (!this.closed && !abort.signal.aborted) this.error = error
      })
      .finally(() => {
        if (this.loading.get(page)?.abort === abort) this.loading.delete(page)
        if (this.closed) return
        if (this.outdated.delete(page) && this.error === undefined) this.fetchShown()
        this.changed()
      })
    this.loading.set(page, { abort, done })
    return done
  }

  private take(page: number, answer: RecordsPage): void {
    this.error = undefined
    this.ready = true
    this.count = Math.max(answer.total, page * pageSize + answer.items.length)
    this.exact = answer.total_is_exact
    this.preparing = answer.preparing ?? false
    for (const record of answer.items) this.keep(record)
    this.pages.delete(page)
    this.pages.set(page, { ids: answer.items.map(r => r.id), stale: this.outdated.has(page) })
    for (const known of [...this.pages.keys()]) if (!this.exists(known)) this.pages.delete(known)
    this.forget()
  }

  /** A page that was asked for before a write may come after it: the newer record stays. */
  private keep(record: RecordBody): void {
    const known = this.records.get(record.id)
    if (!known || known.version <= record.version) this.records.set(record.id, record)
  }

  private touch(page: number): void {
    const loaded = this.pages.get(page)
    if (!loaded) return
    this.pages.delete(page)
    this.pages.set(page, loaded)
  }

  private forget(): void {
    if (this.pages.size <= mostPages) return
    const kept = new Set<string>()
    const onScreen = pagesOf(this.watched)
    for (const page of [...this.pages.keys()]) {
      if (this.pages.size <= mostPages) break
      if (!this.held.has(page) && !onScreen.includes(page)) this.pages.delete(page)
    }
    for (const { ids } of this.pages.values()) for (const id of ids) kept.add(id)
    for (const id of [...this.records.keys()]) {
      if (kept.has(id)) continue
      this.records.delete(id)
      this.rows.delete(id)
    }
  }

  private changed(): void {
    this.version++
    for (const listener of [...this.listeners]) listener()
  }
}

function withEdits(record: RecordBody, version: number, fields: Fields): RecordBody {
  const base = record.base ?? record.fields
  const edits = { ...record.edits }
  for (const [column, value] of Object.entries(fields)) {
    // An edit back to what the service holds is none.
    if (same(value ?? null, base[column] ?? null)) delete edits[column]
    else edits[column] = value
  }
  return { ...record, version, base, edits, fields: { ...record.fields, ...fields } }
}

function pagesOf(span: Span): number[] {
  if (span.to <= span.from) return []
  const first = Math.floor(span.from / pageSize)
  const last = Math.floor((span.to - 1) / pageSize)
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}
