import { Button, Checkbox, Group, Radio, SimpleGrid, Stack, Textarea } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { toApiError } from '@/api/errors'
import type { Schedule, Table } from '@/api/model'
import { ownZone } from '@/lib/when'
import { ErrorNote } from '@/ui/ErrorNote'
import { Collision } from './Collision'
import { choiceOf, type Draft, draftOf, faultsOf, missing, newDraft } from './draft'
import css from './schedules.module.css'
import { useSave } from './useSave'
import { WhenFields } from './WhenFields'
import { modes, overlaps } from './words'

interface ScheduleFormProps {
  snapshotId: string
  /** Absent for a new one. */
  schedule: Schedule | undefined
  tables: Table[]
  onClose(): void
}

export function ScheduleForm({ snapshotId, schedule, tables, onClose }: ScheduleFormProps) {
  const [draft, setDraft] = useState<Draft>(() => (schedule ? draftOf(schedule) : newDraft(ownZone())))
  const [tried, setTried] = useState(false)
  const saving = useSave(snapshotId, schedule, onClose)
  const set = (change: Partial<Draft>) => setDraft(now => ({ ...now, ...change }))
  const wrong: Record<string, string> = {
    ...(saving.error ? faultsOf(toApiError(saving.error)) : {}),
    ...(tried && missing(draft)),
  }
  const form = useRef<HTMLFormElement>(null)
  const { error } = saving
  useEffect(() => {
    // The field may have scrolled out of sight above the button.
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [error])
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    setTried(true)
    if (Object.keys(missing(draft)).length === 0) saving.save(choiceOf(draft))
  }
  // What stands at its field is not said twice.
  const shown = fields.some(field => wrong[field] !== undefined)
  return (
    <form onSubmit={submit} ref={form}>
      <Stack>
        <WhenFields draft={draft} wrong={wrong} onChange={set} />
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <Radio.Group
            label="What is read"
            value={draft.mode}
            onChange={mode => set({ mode: mode as Draft['mode'] })}
          >
            <Choices of={modes} />
          </Radio.Group>
          <TableFields draft={draft} tables={tables} error={wrong.tables} onChange={set} />
        </SimpleGrid>
        <Radio.Group
          label="If a download of this snapshot is under way at the time"
          value={draft.overlap}
          onChange={overlap => set({ overlap: overlap as Draft['overlap'] })}
        >
          <Choices of={overlaps} />
        </Radio.Group>
        <Textarea
          label="Note"
          description="What it is for, for yourself and your colleagues."
          value={draft.note}
          onChange={event => set({ note: event.currentTarget.value })}
          maxLength={500}
          autosize
          minRows={1}
          error={wrong.note}
        />
        {saving.collision && (
          <Collision
            {...saving.collision}
            mine={choiceOf(draft)}
            tables={tables}
            onTheirs={theirs => {
              setDraft(draftOf(theirs))
              saving.begin(theirs)
            }}
          />
        )}
        {saving.error && !saving.collision && !shown && (
          <ErrorNote
            title={schedule ? 'The schedule was not changed.' : 'The schedule was not made.'}
            error={saving.error}
          />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Back
          </Button>
          <Button type="submit" loading={saving.pending}>
            {saving.collision ? 'Save mine all the same' : schedule ? 'Save' : 'Make the schedule'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** The fields whose errors the form shows where they are. */
const fields = ['cron', 'every', 'time_zone', 'tables', 'weekdays', 'note']

function Choices({ of }: { of: Record<string, readonly [label: string, description: string]> }) {
  return (
    <Stack gap={8} mt={6}>
      {Object.entries(of).map(([value, [label, description]]) => (
        <Radio key={value} value={value} label={label} description={description} />
      ))}
    </Stack>
  )
}

interface TableFieldsProps {
  draft: Draft
  tables: Table[]
  error: string | undefined
  onChange(change: Partial<Draft>): void
}

function TableFields({ draft, tables, error, onChange }: TableFieldsProps) {
  return (
    <div>
      <Radio.Group
        label="Which tables"
        value={draft.some ? 'some' : 'all'}
        onChange={which => onChange({ some: which === 'some' })}
      >
        <Stack gap={8} mt={6}>
          <Radio value="all" label="All tables" description="Those that are added later, too." />
          <Radio value="some" label="Only these" />
        </Stack>
      </Radio.Group>
      {draft.some && (
        <Checkbox.Group
          aria-label="Tables to download"
          value={draft.tables}
          onChange={chosen => onChange({ tables: chosen })}
          error={error}
          className={css.chosen}
        >
          <Stack gap={6} mb={error ? 6 : 0}>
            {tables.map(table => (
              <Checkbox key={table.id} value={table.id} label={table.name} />
            ))}
          </Stack>
        </Checkbox.Group>
      )}
    </div>
  )
}
