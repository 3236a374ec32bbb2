/** The HTTP contract, as far as the page uses it. */

export interface components {
  schemas: {
    FieldProblem: { field: string; code?: string; detail: string }
    Problem: {
      kind?: string
      code: string
      detail: string
      hint?: string
      fields?: FieldProblem[]
      retry_at?: string
    }
    Snapshot: { id: string; name: string; created_at: string; updated_at: string }
    Option: { id: string; name: string }
    Column: {
      id: string
      name: string
      kind: ColumnKind
      compare: string
      read_only?: boolean
      required?: boolean
      local?: boolean
      removed?: boolean
      references?: string
      options?: components['schemas']['Option'][]
      max_length?: number
      hint?: string
      position: number
    }
    Table: {
      id: string
      snapshot_id: string
      connection_id: string
      service: string
      remote_id: string
      name: string
      state: 'ready' | 'empty' | 'gone' | 'deleted'
      read_only?: boolean
      read_only_why?: string
      columns: components['schemas']['Column'][]
      record_count: number
      edited_count: number
      downloaded_at?: string
      schema_version: number
      created_at: string
    }
    CellConflict: { column: string; mine: unknown; theirs: unknown; base: unknown }
    Record: {
      id: string
      remote_id?: string
      fields: Fields
      base?: Fields
      edits?: Fields
      edit_bases?: Fields
      conflicts?: components['schemas']['CellConflict'][]
      state: 'live' | 'new' | 'deleted' | 'remote_deleted'
      version: number
      updated_at?: string
    }
    Progress: {
      total: number
      done: number
      created: number
      updated: number
      deleted: number
      unchanged: number
      failed: number
      conflicts: number
      unknown: number
      skipped: number
      step?: string
    }
    TableOutcome: {
      table_id: string
      state: JobState
      progress: components['schemas']['Progress']
      problem?: components['schemas']['Problem']
      warnings: components['schemas']['Problem'][]
      started_at?: string
      ended_at?: string
    }
    Job: {
      id: string
      snapshot_id: string
      plan_id?: string
      kind: 'download' | 'publish' | 'index'
      state: JobState
      progress: components['schemas']['Progress']
      problem?: components['schemas']['Problem']
      waiting_until?: string
      waiting_why?: string
      engine_away?: boolean
      retry_of?: string
      created_at: string
      started_at?: string
      ended_at?: string
      alive_at?: string
    }
    PlanCounts: {
      creates: number
      updates: number
      deletes: number
      planned: number
      sending: number
      applied: number
      failed: number
      conflicts: number
      unknown: number
      skipped: number
      blocked: number
    }
    Plan: {
      id: string
      snapshot_id: string
      state: 'building' | 'ready' | 'applying' | 'applied' | 'stopped' | 'superseded'
      hash: string
      counts: components['schemas']['PlanCounts']
      problems?: components['schemas']['Problem'][]
      job_id?: string
      retry_of?: string
      created_at: string
      applied_at?: string
    }
    Item: {
      id: string
      table_id: string
      record_id: string
      remote_id?: string
      op: 'create' | 'update' | 'delete'
      values?: Fields
      edit_bases?: Fields
      label?: string
      state: ItemState
      override?: boolean
      blocked?: boolean
      problem?: components['schemas']['Problem']
      theirs?: Fields
      settled_at?: string
    }
    Connection: {
      id: string
      service: string
      name: string
      state: 'ready' | 'needs_reconnect' | 'untested'
      account?: string
      credential_hint?: Record<string, unknown>
      problem?: components['schemas']['Problem']
      created_at: string
      updated_at: string
    }
    Connector: {
      service: string
      title: string
      about: string
      credential: unknown
      settings?: unknown
      oauth: boolean
      capabilities: Record<string, boolean>
      cannot: string[]
    }
    Check: {
      ok: boolean
      account?: string
      steps: string[]
      cannot: string[]
      problem?: components['schemas']['Problem']
    }
    RemoteTable: {
      remote_id: string
      name: string
      group?: string
      read_only: boolean
      why?: string
      rows?: number
    }
    Upload: { id: string; name: string; size: number; sha256: string; created_at: string }
    OperationState: { id: string; version: number; conflicts?: components['schemas']['CellConflict'][] }
    WriteResult: { operation_id: string; results: components['schemas']['OperationState'][] }
    UndoResult: {
      operation_id?: string
      changed: number
      skipped: { table_id: string; record_id: string; column: string }[]
    }
  }
}

type Fields = { [column: string]: unknown }
type FieldProblem = components['schemas']['FieldProblem']
export type ColumnKind =
  | 'text'
  | 'long_text'
  | 'html'
  | 'markdown'
  | 'number'
  | 'integer'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'time'
  | 'select'
  | 'multi_select'
  | 'reference'
  | 'references'
  | 'url'
  | 'email'
  | 'attachment'
  | 'json'
export type JobState =
  | 'queued'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'cancelling'
  | 'stalled'
  | 'completed'
  | 'completed_with_failures'
  | 'failed'
  | 'cancelled'
  | 'terminated'
  | 'timed_out'
  | 'lost'
export type ItemState = 'planned' | 'sending' | 'applied' | 'failed' | 'conflict' | 'unknown' | 'skipped'
