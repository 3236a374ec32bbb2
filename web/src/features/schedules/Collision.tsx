import { Button, Table } from '@mantine/core'
import { useEffect, useRef } from 'react'
import type { Table as OurTable, Schedule } from '@/api/model'
import type { ScheduleChoice } from '@/api/queries/schedules'
import ui from '@/ui/ui.module.css'
import { changesOf, choiceOf, draftOf } from './draft'
import type { Collided } from './useSave'
import { modes, overlaps, whenInWords } from './words'

interface CollisionProps extends Collided {
  mine: ScheduleChoice
  tables: OurTable[]
  onTheirs(theirs: Schedule): void
}

/** Somebody changed the schedule while this person did: both, side by side. */
export function Collision({ seen, theirs, mine, tables, onTheirs }: CollisionProps) {
  const before = choiceOf(draftOf(seen))
  const now = choiceOf(draftOf(theirs))
  const ours = rows(changesOf(before, mine), mine, tables)
  const others = rows(changesOf(before, now), now, tables)
  // It stands at the end of a long form, above the button that was pressed.
  const shown = useRef<HTMLDivElement>(null)
  useEffect(() => shown.current?.scrollIntoView({ block: 'center' }), [])
  const names = [...new Set([...others.keys(), ...ours.keys()])]
  return (
    <div role="alert" className={ui.mild} ref={shown}>
      <p className={ui.errorTitle}>Somebody changed this schedule while you did.</p>
      <p>Nothing of yours was saved yet. What you leave alone stays as they made it.</p>
      <Table withRowBorders={false} verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">
              <span className={ui.unseen}>What</span>
            </Table.Th>
            <Table.Th scope="col">Theirs, as it is now</Table.Th>
            <Table.Th scope="col">Yours</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {names.map(name => (
            <Table.Tr key={name}>
              <Table.Th scope="row">{name}</Table.Th>
              <Table.Td>{others.get(name) ?? 'not changed'}</Table.Td>
              <Table.Td>{ours.get(name) ?? 'not changed'}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Button size="xs" variant="default" mt={6} onClick={() => onTheirs(theirs)}>
        Go on from theirs
      </Button>
    </div>
  )
}

/** What was changed, in words. */
function rows(
  changes: Partial<ScheduleChoice>,
  whole: ScheduleChoice,
  tables: OurTable[],
): Map<string, string> {
  const nameOf = (id: string) => tables.find(t => t.id === id)?.name ?? 'a table that is gone'
  const out = new Map<string, string>()
  if (changes.cron !== undefined || changes.every !== undefined) out.set('When', whenInWords(whole))
  if (changes.time_zone !== undefined) out.set('Time zone', whole.time_zone)
  if (changes.mode !== undefined) out.set('What is read', modes[whole.mode][0])
  if (changes.tables !== undefined)
    out.set('Tables', whole.tables.length > 0 ? whole.tables.map(nameOf).join(', ') : 'all')
  if (changes.overlap !== undefined) out.set('Under way', overlaps[whole.overlap][0])
  if (changes.note !== undefined) out.set('Note', whole.note || 'none')
  return out
}
