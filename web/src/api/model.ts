/** The words of the product as the API spells them, under the names the page uses. */

import type { FieldKind } from '@/grid/fields/values'
import type { components } from './schema'

type Schemas = components['schemas']

/** Values by column id. A key that is absent, one that is null and one that is empty differ. */
export type Fields = { [column: string]: unknown }

/** The API names the kinds as text; those the page does not know are shown as text. */
export type Column = Omit<Schemas['Column'], 'kind'> & { kind: FieldKind }
export type Table = Omit<Schemas['Table'], 'columns'> & { columns: Column[] }
export type RecordBody = Omit<Schemas['Record'], 'fields' | 'base' | 'edits'> & {
  fields: Fields
  base?: Fields
  edits?: Fields
}
export type RecordsPage = Omit<Schemas['RecordsPage'], 'items'> & { items: RecordBody[] }
export type RecordOperation = Schemas['Operation']

export type Snapshot = Schemas['Snapshot']
export type Progress = Schemas['Progress']
export type Job = Schemas['Job']
export type JobState = Job['state']
export type TableOutcome = Omit<Schemas['TableOutcome'], 'state'> & { state: JobState }
export type Plan = Schemas['Plan']
export type PlanCounts = Schemas['PlanCounts']
export type Item = Schemas['Item']
export type ItemState = Item['state']
export type Connection = Omit<Schemas['Connection'], 'credential_hint'> & {
  /** The credential with its secrets masked. */
  credential_hint?: Fields
}
export type Connector = Schemas['Connector']
export type RemoteTable = Schemas['RemoteTable']
export type Upload = Schemas['Upload']
/** The API types a job's state as text where it may be absent. */
export type ScheduleRun = Omit<Schemas['ScheduleRun'], 'state'> & { state?: JobState }
export type Schedule = Omit<Schemas['Schedule'], 'runs'> & { runs: ScheduleRun[] }

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
