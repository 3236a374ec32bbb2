import { Button, Group, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { Column, Item, Plan, Table } from '@/api/model'
import { useResolveItem } from '@/api/queries/plans'
import { full } from '@/grid/fields/values'
import { Clamp } from '@/ui/Clamp'
import { Added, Diff, Removed } from '@/ui/Diff'
import { ErrorNote, ProblemNote } from '@/ui/ErrorNote'
import { ItemChip, StatusChip, type Tone } from '@/ui/StatusChip'
import css from './publish.module.css'

interface ItemCardProps {
  item: Item
  plan: Plan
  table: Table | undefined
}

const ops: Record<Item['op'], readonly [tone: Tone, sign: string, word: string]> = {
  create: ['good', '+', 'new'],
  update: ['busy', '~', 'changed'],
  delete: ['bad', '−', 'deleted'],
}

/** One record of a plan: what changes in it, cell by cell, and what came of it. */
export function ItemCard({ item, plan, table }: ItemCardProps) {
  const [tone, sign, word] = ops[item.op]
  const columns = changedColumns(item, table)
  return (
    <li className={css.item}>
      <div className={css.itemHead}>
        <StatusChip tone={tone} sign={sign}>
          {word}
        </StatusChip>
        <span className={css.itemName}>{item.label || item.remote_id || `Record ${item.record_id}`}</span>
        <span className={css.itemTable}>{table?.name}</span>
        {item.blocked && (
          <StatusChip tone="warn" sign="!">
            will not be sent
          </StatusChip>
        )}
        {plan.state !== 'ready' && <ItemChip state={item.state} />}
      </div>
      {item.op !== 'delete' && (
        <dl className={css.changes}>
          {columns.map(column => (
            <div key={column.id} className={css.change}>
              <dt>{column.name}</dt>
              <dd>
                <Clamp length={textOf(column, item.values?.[column.id]).length}>
                  <Change item={item} column={column} />
                </Clamp>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {item.state === 'conflict' && item.theirs && <Theirs item={item} columns={columns} />}
      {item.problem && (
        <ProblemNote
          problem={item.problem}
          title={item.blocked ? 'The service would refuse it' : 'What happened'}
        />
      )}
      {item.steps && item.steps.length > 1 && item.state !== 'applied' && <Steps steps={item.steps} />}
      {item.state === 'unknown' && <Resolve item={item} plan={plan} />}
    </li>
  )
}

/** A write of several requests, of which some may have happened. */
function Steps({ steps }: { steps: NonNullable<Item['steps']> }) {
  return (
    <ul className={css.steps} aria-label="Steps of this record">
      {steps.map(({ step, state, problem }) => (
        <li key={step}>
          {step.replaceAll('_', ' ')}: {state.replaceAll('_', ' ')}
          {problem && `. ${problem.detail}`}
        </li>
      ))}
    </ul>
  )
}

/** The columns of the item in the table's order; one the table no longer has keeps its id as name. */
function changedColumns(
  item: Item,
  table: Table | undefined,
): Pick<Column, 'id' | 'name' | 'kind' | 'options'>[] {
  return Object.keys(item.values ?? {})
    .map(id => table?.columns.find(c => c.id === id) ?? { id, name: id, kind: 'json' as const, position: 0 })
    .toSorted((a, b) => a.position - b.position)
}

function textOf(column: Pick<Column, 'kind' | 'options'>, value: unknown): string {
  return full({ kind: column.kind, ...(column.options && { options: column.options }) }, value)
}

function Change({ item, column }: { item: Item; column: Pick<Column, 'id' | 'kind' | 'options'> }) {
  const to = textOf(column, item.values?.[column.id])
  if (item.op === 'create') return <Added text={to || '(empty)'} />
  const from = textOf(column, item.edit_bases?.[column.id])
  if (from === '') return <Added text={to || '(empty)'} />
  if (to === '') {
    return (
      <>
        <Removed text={from} /> <span className={css.note}>cleared</span>
      </>
    )
  }
  return <Diff from={from} to={to} />
}

function Theirs({
  item,
  columns,
}: {
  item: Item
  columns: Pick<Column, 'id' | 'name' | 'kind' | 'options'>[]
}) {
  return (
    <div className={css.theirs}>
      <Text size="sm" fw={600}>
        The service holds something else by now. It was not overwritten.
      </Text>
      <dl className={css.changes}>
        {columns
          .filter(column => item.theirs && column.id in item.theirs)
          .map(column => (
            <div key={column.id} className={css.change}>
              <dt>{column.name} there</dt>
              <dd>{textOf(column, item.theirs?.[column.id]) || '(empty)'}</dd>
            </div>
          ))}
      </dl>
      <Text size="sm">Download the table to settle it, then publish again.</Text>
    </div>
  )
}

/** The word of a person on a record whose outcome cannot be known from here. */
function Resolve({ item, plan }: { item: Item; plan: Plan }) {
  const resolve = useResolveItem(plan.id)
  const [remoteId, setRemoteId] = useState('')
  const needsId = item.op === 'create'
  return (
    <div className={css.theirs}>
      <Text size="sm">
        The answer of the service was lost. Look there whether it happened; nothing is sent again before you
        say so.
      </Text>
      <Group gap="xs" align="end" mt={6}>
        {needsId && (
          <TextInput
            size="xs"
            label="Id of the object at the service"
            value={remoteId}
            onChange={event => setRemoteId(event.currentTarget.value)}
          />
        )}
        <Button
          size="xs"
          variant="default"
          disabled={needsId && remoteId.trim() === ''}
          loading={resolve.isPending}
          onClick={() =>
            resolve.mutate({
              item: item.id,
              choice: 'happened',
              ...(needsId && { remote_id: remoteId.trim() }),
            })
          }
        >
          It happened
        </Button>
        <Button
          size="xs"
          variant="default"
          loading={resolve.isPending}
          onClick={() => resolve.mutate({ item: item.id, choice: 'did_not_happen' })}
        >
          It did not happen
        </Button>
      </Group>
      {resolve.isError && <ErrorNote title="That was not noted." error={resolve.error} />}
    </div>
  )
}
