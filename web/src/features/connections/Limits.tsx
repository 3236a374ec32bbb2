import { Button, Group, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { toApiError } from '@/api/errors'
import type { Connection } from '@/api/model'
import { connectorsQuery, type OwnLimits, useUpdateConnection } from '@/api/queries/connections'
import { ErrorNote } from '@/ui/ErrorNote'
import { check, errorsByField, type FormField, type FormValues, readForm, toObject } from '@/ui/schema/form'
import { SchemaForm } from '@/ui/schema/SchemaForm'

const names = ['requests_per_second', 'requests_at_once']

/** Whether a field of a credential is a limit that a person sets for the connection. */
export const isLimit = (field: FormField) => names.includes(field.name)

/** How hard the service may be asked. Changed without the secret, while jobs run too. */
export function Limits({ connection }: { connection: Connection }) {
  const connectors = useQuery(connectorsQuery)
  const connector = connectors.data?.find(c => c.service === connection.service)
  const fields = useMemo(() => readForm(connector?.credential).filter(isLimit), [connector])
  const [editing, setEditing] = useState(false)
  if (fields.length === 0) return null
  return (
    <section aria-labelledby="limits">
      <Title order={2} id="limits" mb="xs">
        Limits
      </Title>
      {editing ? (
        <LimitsForm connection={connection} fields={fields} onDone={() => setEditing(false)} />
      ) : (
        <>
          <dl>
            {fields.map(field => (
              <Group key={field.name} gap="xs">
                <Text component="dt" size="sm" c="dimmed">
                  {field.label}
                </Text>
                <Text component="dd" size="sm" m={0}>
                  {storedOf(connection, field) || 'as the service permits'}
                </Text>
              </Group>
            ))}
          </dl>
          <Button variant="default" size="xs" onClick={() => setEditing(true)}>
            Change the limits
          </Button>
        </>
      )}
    </section>
  )
}

interface LimitsFormProps {
  connection: Connection
  fields: readonly FormField[]
  onDone(): void
}

function LimitsForm({ connection, fields, onDone }: LimitsFormProps) {
  const [values, setValues] = useState<FormValues>(() =>
    Object.fromEntries(fields.map(field => [field.name, storedOf(connection, field)])),
  )
  const [wrong, setWrong] = useState<Record<string, string>>({})
  const update = useUpdateConnection(connection.id)
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    const found = check(fields, values)
    setWrong(found)
    if (Object.keys(found).length > 0) return
    update.mutate(
      { limits: limitsOf(fields, values) },
      { onSuccess: onDone, onError: error => setWrong(errorsByField(fields, toApiError(error).errors)) },
    )
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <SchemaForm
          fields={fields}
          values={values}
          errors={wrong}
          onChange={(field, value) => setValues(now => ({ ...now, [field]: value }))}
        />
        {update.isError && <ErrorNote title="The limits were not changed." error={update.error} />}
        <Group>
          <Button type="submit" loading={update.isPending}>
            Save the limits
          </Button>
          <Button variant="default" onClick={onDone}>
            Back
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

function storedOf(connection: Connection, field: FormField): string {
  const stored = connection.credential_hint?.[field.name]
  return stored === undefined || stored === null ? '' : String(stored)
}

/** What is sent: a field that was emptied takes its limit away. */
export function limitsOf(fields: readonly FormField[], values: FormValues): OwnLimits {
  const given = toObject(fields, values)
  return Object.fromEntries(fields.map(({ name }) => [name, (given[name] as number | undefined) ?? null]))
}
