import { Button, Group, Stack, Text } from '@mantine/core'
import { useState } from 'react'
import { toApiError } from '@/api/errors'
import type { Connection } from '@/api/model'
import { type ConnectionChange, useUpdateConnection } from '@/api/queries/connections'
import { ErrorNote } from '@/ui/ErrorNote'
import { check, errorsByField, type FormField, type FormValues } from '@/ui/schema/form'
import { SchemaForm } from '@/ui/schema/SchemaForm'

interface CredentialFormProps {
  connection: Connection
  /** Those of the credential's fields that can be changed here. */
  fields: readonly FormField[]
  initial: FormValues
  action: string
  failed: string
  change(values: FormValues): ConnectionChange
  onSaved(): void
  onBack(): void
}

/** Some fields of a stored credential, with the server's words at the field they are about. */
export function CredentialForm(props: CredentialFormProps) {
  const { connection, fields, change, onSaved } = props
  const [values, setValues] = useState(props.initial)
  const [wrong, setWrong] = useState<Record<string, string>>({})
  const update = useUpdateConnection(connection.id)
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    const found = check(fields, values)
    setWrong(found)
    if (Object.keys(found).length > 0) return
    update.mutate(change(values), {
      onSuccess: onSaved,
      onError: error => setWrong(errorsByField(fields, toApiError(error).errors)),
    })
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
        {update.isError && <ErrorNote title={props.failed} error={update.error} />}
        <Group>
          <Button type="submit" loading={update.isPending}>
            {props.action}
          </Button>
          <Button variant="default" onClick={props.onBack}>
            Back
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

/** The fields of a credential as they are stored, secrets masked. */
export function CredentialFields({
  connection,
  fields,
  absent,
}: Pick<CredentialFormProps, 'connection' | 'fields'> & { absent: string }) {
  return (
    <dl>
      {fields.map(field => (
        <Group key={field.name} gap="xs">
          <Text component="dt" size="sm" c="dimmed">
            {field.label}
          </Text>
          <Text component="dd" size="sm" m={0}>
            {storedText(connection, field) || absent}
          </Text>
        </Group>
      ))}
    </dl>
  )
}

/** What is stored of a field, as it is typed; empty for nothing. */
export function storedText(connection: Connection, field: FormField): string {
  return String(connection.credential_hint?.[field.name] ?? '')
}
