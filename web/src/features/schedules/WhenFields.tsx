import { Checkbox, Group, SegmentedControl, Select, Stack, Text, TextInput } from '@mantine/core'
import { useMemo } from 'react'
import { ownZone, zones } from '@/lib/when'
import { cronInWords, weekdays } from './cron'
import { type Draft, type Unit, units } from './draft'
import css from './schedules.module.css'

interface WhenFieldsProps {
  draft: Draft
  wrong: Record<string, string>
  onChange(change: Partial<Draft>): void
}

/** When it runs: an interval, a time on days of the week, or a cron text. */
export function WhenFields({ draft, wrong, onChange }: WhenFieldsProps) {
  return (
    <Stack gap="sm">
      <SegmentedControl
        aria-label="How the times are given"
        value={draft.when}
        onChange={when => onChange({ when: when as Draft['when'] })}
        data={[
          { value: 'every', label: 'Interval' },
          { value: 'weekly', label: 'Time of day' },
          { value: 'cron', label: 'Cron' },
        ]}
      />
      {draft.when === 'every' && <Interval draft={draft} wrong={wrong} onChange={onChange} />}
      {draft.when === 'weekly' && <Weekly draft={draft} wrong={wrong} onChange={onChange} />}
      {draft.when === 'cron' && <Cron draft={draft} wrong={wrong} onChange={onChange} />}
    </Stack>
  )
}

function Interval({ draft, wrong, onChange }: WhenFieldsProps) {
  // Seconds are for who brings them: a schedule runs once a minute at most.
  const offered = (Object.keys(units) as Unit[]).filter(unit => unit !== 's' || draft.unit === 's')
  return (
    <Group align="start" gap="xs">
      <TextInput
        label="Every"
        value={draft.amount}
        onChange={event => onChange({ amount: event.currentTarget.value })}
        inputMode="numeric"
        error={wrong.every}
        className={css.amount}
        required
        data-autofocus
      />
      <Select
        label="Unit"
        data={offered.map(value => ({ value, label: units[value] }))}
        value={draft.unit}
        onChange={unit => unit && onChange({ unit: unit as Unit })}
        allowDeselect={false}
        className={css.unit}
      />
    </Group>
  )
}

function Weekly({ draft, wrong, onChange }: WhenFieldsProps) {
  return (
    <>
      <Group align="start" gap="xs">
        <TextInput
          label="At"
          type="time"
          value={draft.time}
          onChange={event => onChange({ time: event.currentTarget.value })}
          error={wrong.cron}
          className={css.unit}
          required
          data-autofocus
        />
        <Zone draft={draft} wrong={wrong} onChange={onChange} />
      </Group>
      <Checkbox.Group
        label="On"
        value={draft.weekdays.map(String)}
        onChange={days => onChange({ weekdays: days.map(Number) })}
        error={wrong.weekdays}
      >
        <Group gap="sm" mt={6} mb={wrong.weekdays ? 6 : 0}>
          {[1, 2, 3, 4, 5, 6, 0].map(day => (
            <Checkbox
              key={day}
              value={String(day)}
              label={weekdays[day]?.slice(0, 3)}
              aria-label={weekdays[day]}
            />
          ))}
        </Group>
      </Checkbox.Group>
    </>
  )
}

function Cron({ draft, wrong, onChange }: WhenFieldsProps) {
  const words = cronInWords(draft.cron)
  return (
    <>
      <div>
        <TextInput
          label="Cron text"
          description="Minute, hour, day of month, month, day of week (0 is Sunday); or @hourly, @daily, @weekly, @monthly, @yearly."
          value={draft.cron}
          onChange={event => onChange({ cron: event.currentTarget.value })}
          error={wrong.cron}
          classNames={{ input: css.cron }}
          spellCheck={false}
          autoComplete="off"
          maxLength={200}
          required
          data-autofocus
        />
        <Text size="sm" mt={4} role="status">
          {words ?? '\u00a0'}
        </Text>
      </div>
      <Zone draft={draft} wrong={wrong} onChange={onChange} />
    </>
  )
}

function Zone({ draft, wrong, onChange }: WhenFieldsProps) {
  const here = ownZone()
  const all = useMemo(() => zones(draft.timeZone, here), [draft.timeZone, here])
  return (
    <Select
      label="Time zone"
      data={all.map(zone => ({ value: zone, label: zone === here ? `${zone} (yours)` : zone }))}
      value={draft.timeZone}
      onChange={zone => zone && onChange({ timeZone: zone })}
      error={wrong.time_zone}
      className={css.zone}
      searchable
      limit={60}
      allowDeselect={false}
      nothingFoundMessage="No such time zone"
    />
  )
}
