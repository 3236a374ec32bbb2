/** The words of the product as the API spells them, under the names the page uses. */

import type { components } from './schema'

type Schemas = components['schemas']

export type Snapshot = Schemas['Snapshot']
export type Table = Schemas['Table']
export type Column = Schemas['Column']
export type RecordBody = Schemas['Record']
export type CellConflict = Schemas['CellConflict']
export type Progress = Schemas['Progress']
export type TableOutcome = Schemas['TableOutcome']
export type Job = Schemas['Job']
export type JobState = Job['state']
export type Plan = Schemas['Plan']
export type PlanCounts = Schemas['PlanCounts']
export type Item = Schemas['Item']
export type ItemState = Item['state']
export type Connection = Schemas['Connection']
export type Connector = Schemas['Connector']
export type RemoteTable = Schemas['RemoteTable']
export type Upload = Schemas['Upload']
export type Check = Schemas['Check']
export type WriteResult = Schemas['WriteResult']
export type UndoResult = Schemas['UndoResult']
export type Problem = Schemas['Problem']
export type Fields = { [column: string]: unknown }

export interface Page<T> {
  items: T[]
  next_cursor?: string
}

export interface RecordsPage extends Page<RecordBody> {
  total: number
  total_is_exact: boolean
  view_version: string
  stale?: boolean
  preparing?: boolean
}

/** One operation of a write, with the value each cell replaces as the person saw it. */
export interface RecordOperation {
  op: 'create' | 'update' | 'delete' | 'restore' | 'revert'
  id?: string
  fields?: Fields
  seen?: Fields
  cells?: string[]
}

const finals: ReadonlySet<JobState> = new Set([
  'completed',
  'completed_with_failures',
  'failed',
  'cancelled',
  'terminated',
  'timed_out',
  'lost',
])

/** Whether the job has ended. */
export function isFinal(state: JobState): boolean {
  return finals.has(state)
}
