import { Button, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import type { Connection } from '@/api/model'
import { connectorsQuery, type OwnLimits } from '@/api/queries/connections'
import { type FormField, type FormValues, readForm, toObject } from '@/ui/schema/form'
import { CredentialFields, CredentialForm, storedText } from './CredentialForm'

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
        <CredentialForm
          connection={connection}
          fields={fields}
          initial={Object.fromEntries(fields.map(field => [field.name, storedText(connection, field)]))}
          action="Save the limits"
          failed="The limits were not changed."
          change={values => ({ limits: limitsOf(fields, values) })}
          onSaved={() => setEditing(false)}
          onBack={() => setEditing(false)}
        />
      ) : (
        <>
          <CredentialFields connection={connection} fields={fields} absent="as the service permits" />
          <Button variant="default" size="xs" onClick={() => setEditing(true)}>
            Change the limits
          </Button>
        </>
      )}
    </section>
  )
}

/** What is sent: a field that was emptied takes its limit away. */
export function limitsOf(fields: readonly FormField[], values: FormValues): OwnLimits {
  const given = toObject(fields, values)
  return Object.fromEntries(fields.map(({ name }) => [name, (given[name] as number | undefined) ?? null]))
}
