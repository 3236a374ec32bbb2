// Generated from the Go types of package models by 'go generate ./internal/eventdoc'. Do not edit.
/* eslint-disable */

/** RecordChanged names one changed record. */
export interface RecordChanged {
  readonly id: string
  readonly version: number
  /** empty: any may have changed */
  readonly columns?: readonly string[]
}

/** RecordsChanged says which records of a table changed. */
export interface RecordsChanged {
  readonly table_id: string
  readonly records: readonly RecordChanged[] | null
  /** of all changed records */
  readonly count: number
  /** Records does not name them all */
  readonly more?: boolean
  /** user id; empty for a job */
  readonly by?: string
}

/** SuggestionsChanged says which records' suggestions changed. */
export interface SuggestionsChanged {
  readonly table_id: string
  /** record ids */
  readonly records: readonly string[] | null
  readonly count: number
  readonly more?: boolean
}

/** TableState says what may be done with a table now. */
export type TableState = 'ready' | 'empty' | 'gone' | 'deleted'

/** TableChanged says that a table was added, removed or changed. */
export interface TableChanged {
  readonly table_id: string
  readonly change: string
  readonly state?: TableState
  readonly record_count: number
  readonly edited_count: number
}

/** SchemaChanged says that a table's columns changed. */
export interface SchemaChanged {
  readonly table_id: string
  readonly schema_version: number
  readonly columns: readonly string[] | null
}

/** ViewChanged says that a view was added, removed or changed. */
export interface ViewChanged {
  readonly table_id: string
  readonly view_id: string
  readonly change: string
}

/** SnapshotChanged says that a snapshot was added, removed or renamed. */
export interface SnapshotChanged {
  readonly snapshot_id: string
  readonly change: string
  readonly name?: string
}

/** ScheduleChanged says that a schedule of a snapshot was added, removed or changed, or that one of its times came. */
export interface ScheduleChanged {
  readonly schedule_id: string
  readonly change: string
}

/** PlanState is the life of a publish plan. */
export type PlanState = 'building' | 'ready' | 'applying' | 'applied' | 'stopped' | 'superseded'

/** PlanCounts sums a plan's items by operation and by state. */
export interface PlanCounts {
  readonly creates: number
  readonly updates: number
  readonly deletes: number
  readonly planned: number
  readonly sending: number
  readonly applied: number
  readonly failed: number
  readonly conflicts: number
  readonly unknown: number
  readonly skipped: number
  /** would fail: values the service does not take */
  readonly blocked: number
}

/** PlanChanged says where a plan and its items stand. */
export interface PlanChanged {
  readonly plan_id: string
  readonly state: PlanState
  readonly counts: PlanCounts
}

/** JobKind is what a job does. */
export type JobKind = 'download' | 'publish'

/** JobState is what the user sees of one run. It follows the engine's truth: a run cancelled or terminated with Temporal's own tools shows as such (Promise 9). */
export type JobState = 'queued' | 'running' | 'waiting' | 'paused' | 'cancelling' | 'stalled' | 'completed' | 'completed_with_failures' | 'failed' | 'cancelled' | 'terminated' | 'timed_out' | 'lost'

/** ProblemKind is the class of a problem: what a caller may do about it. The API maps each kind to one HTTP status, and activities map it to retry or not. */
export type ProblemKind = 'invalid' | 'unauthenticated' | 'forbidden' | 'not_found' | 'conflict' | 'too_large' | 'rate_limited' | 'unavailable' | 'timeout' | 'internal'

/** CellConflict is a cell that both sides changed: the service (Theirs, since the edit began at Base) and a person (Mine). */
export interface CellConflict {
  readonly column: string
  readonly mine: unknown
  readonly theirs: unknown
  readonly base: unknown
}

/** FieldProblem says what is wrong with one field, cell or line of an input. */
export interface FieldProblem {
  readonly field: string
  readonly code?: string
  readonly detail: string
  /** Cell holds both values of a cell that was written too late: Mine is what was sent, Theirs what stands now, Base what the writer had seen. */
  readonly cell?: CellConflict
}

/** Problem is the one error users see: what went wrong (Detail), a stable Code ("area.reason"), and what to do (Hint). It never holds a secret. It is stored with jobs and items and answered by the API as an RFC 9457 document. */
export interface Problem {
  readonly kind: ProblemKind
  readonly code: string
  readonly detail: string
  readonly hint?: string
  readonly fields?: readonly FieldProblem[]
  readonly retry_at?: string
}

/** JobChanged says that a job's state changed. */
export interface JobChanged {
  readonly job_id: string
  readonly kind: JobKind
  readonly state: JobState
  readonly plan_id?: string
  readonly waiting_why?: string
  /** RFC 3339 */
  readonly waiting_until?: string
  readonly problem?: Problem
  readonly engine_away?: boolean
}

/** Progress counts over all tables of a job. Total is -1 while unknown. */
export interface Progress {
  readonly total: number
  readonly done: number
  readonly created: number
  readonly updated: number
  readonly deleted: number
  readonly unchanged: number
  readonly failed: number
  readonly conflicts: number
  readonly unknown: number
  readonly skipped: number
  /** "reading", "confirming", "publishing", … */
  readonly step?: string
}

/** JobProgressed carries a job's counters, over all tables and of one. */
export interface JobProgressed {
  readonly job_id: string
  readonly progress: Progress
  readonly table_id?: string
  readonly table?: Progress
}

/** ConnectionState says whether a connection's credentials work. */
export type ConnectionState = 'ready' | 'needs_reconnect' | 'untested'

/** ConnectionChanged says that a connection was added, removed or changed. */
export interface ConnectionChanged {
  readonly connection_id: string
  readonly change: string
  readonly state?: ConnectionState
}

/** PresenceChanged is where one of a topic's followers is. */
export interface PresenceChanged {
  readonly user_id: string
  readonly name: string
  /** the browser tab; one person may have several */
  readonly tab: string
  /** as the follower sent it: ids of a table, record, column */
  readonly at?: unknown
}

/** The data of each type of event. */
export interface EventData {
  /** Cells or states of records changed, by a person or a download. */
  readonly 'records.changed': RecordsChanged
  /** Records were added. */
  readonly 'records.created': RecordsChanged
  /** Records went away, or were marked deleted. */
  readonly 'records.deleted': RecordsChanged
  /** Values were proposed. */
  readonly 'suggestions.created': SuggestionsChanged
  /** Proposed values were accepted or rejected. */
  readonly 'suggestions.decided': SuggestionsChanged
  /** A table was added, removed or renamed, or its counts moved. */
  readonly 'table.changed': TableChanged
  /** A table's columns changed. */
  readonly 'table.schema_changed': SchemaChanged
  /** A saved view was added, removed or changed. */
  readonly 'view.changed': ViewChanged
  /** A snapshot was added, removed or renamed. */
  readonly 'snapshot.changed': SnapshotChanged
  /** A schedule was added, removed or changed, or one of its times came. */
  readonly 'schedule.changed': ScheduleChanged
  /** A publish plan or its items moved on. */
  readonly 'plan.changed': PlanChanged
  /** A job's state changed. */
  readonly 'job.changed': JobChanged
  /** A job's counters moved; at most four times a second. */
  readonly 'job.progressed': JobProgressed
  /** A connection was added, removed or changed. */
  readonly 'connection.changed': ConnectionChanged
  /** A colleague moved. */
  readonly 'presence.changed': PresenceChanged
}

export type EventType = keyof EventData

export const eventTypes: readonly EventType[] = [
  'records.changed',
  'records.created',
  'records.deleted',
  'suggestions.created',
  'suggestions.decided',
  'table.changed',
  'table.schema_changed',
  'view.changed',
  'snapshot.changed',
  'schedule.changed',
  'plan.changed',
  'job.changed',
  'job.progressed',
  'connection.changed',
  'presence.changed',
]
