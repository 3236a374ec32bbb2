import { Button, Group, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState } from 'react'
import { toApiError } from '@/api/errors'
import type { Connection } from '@/api/model'
import {
  connectionQuery,
  connectorsQuery,
  useDeleteConnection,
  useTestConnection,
  useUpdateConnection,
} from '@/api/queries/connections'
import { Confirm } from '@/ui/Confirm'
import { ErrorNote, ProblemNote } from '@/ui/ErrorNote'
import { Page } from '@/ui/Page'
import { check, errorsByField, type FormValues, initialValues, readForm, toObject } from '@/ui/schema/form'
import { SchemaForm } from '@/ui/schema/SchemaForm'
import { ConnectionChip } from './ConnectionsPage'
import { isLimit, Limits } from './Limits'

const route = getRouteApi('/connections/$connectionId')

export function ConnectionPage() {
  const { connectionId } = route.useParams()
  const query = useQuery(connectionQuery(connectionId))
  if (query.isPending) {
    return (
      <Page title="Connection">
        <Skeleton height={160} aria-label="Loading the connection" />
      </Page>
    )
  }
  if (query.isError) {
    return (
      <Page title="Connection">
        <ErrorNote
          title="The connection could not be read."
          error={query.error}
          onRetry={() => void query.refetch()}
        />
      </Page>
    )
  }
  return (
    <Page title={query.data.name} actions={<Remove connection={query.data} />}>
      <Stack gap="xl" maw={560}>
        <Health connection={query.data} />
        <Limits connection={query.data} />
        <Credential connection={query.data} />
      </Stack>
    </Page>
  )
}

/** Whether it works, asked anew: a connection that was never tested is tested at once. */
function Health({ connection }: { connection: Connection }) {
  const test = useTestConnection()
  const asked = useRef(false)
  const { mutate } = test
  useEffect(() => {
    if (connection.state !== 'untested' || asked.current) return
    asked.current = true
    mutate(connection.id)
  }, [connection.state, connection.id, mutate])
  return (
    <Stack gap="sm">
      <Group>
        <ConnectionChip state={connection.state} />
        {connection.account && <Text size="sm">{connection.account}</Text>}
        <Button
          size="xs"
          variant="default"
          loading={test.isPending}
          onClick={() => test.mutate(connection.id)}
        >
          Test
        </Button>
        <Text size="sm" role="status">
          {test.isPending && 'Asking the service…'}
        </Text>
      </Group>
      {test.isError ? (
        <ErrorNote title="The test did not succeed." error={test.error} />
      ) : (
        connection.problem && <ProblemNote problem={connection.problem} title="The last test failed" />
      )}
    </Stack>
  )
}

/** The stored credential with its secrets masked; what is typed replaces it as a whole. */
function Credential({ connection }: { connection: Connection }) {
  const connectors = useQuery(connectorsQuery)
  const connector = connectors.data?.find(c => c.service === connection.service)
  // Its limits are changed beside it, and stay when it is replaced.
  const fields = useMemo(() => readForm(connector?.credential).filter(field => !isLimit(field)), [connector])
  const [values, setValues] = useState<FormValues>()
  const [wrong, setWrong] = useState<Record<string, string>>({})
  const update = useUpdateConnection(connection.id)
  const test = useTestConnection()
  if (fields.length === 0) return null
  const stored = connection.credential_hint ?? {}
  const begin = () => {
    const visible = fields.filter(f => !f.secret && stored[f.name] !== undefined)
    setValues({
      ...initialValues(fields),
      ...Object.fromEntries(visible.map(f => [f.name, String(stored[f.name])])),
    })
  }
  if (!values) {
    return (
      <section aria-labelledby="credential">
        <Title order={2} id="credential" mb="xs">
          Credential
        </Title>
        <dl>
          {fields.map(field => (
            <Group key={field.name} gap="xs">
              <Text component="dt" size="sm" c="dimmed">
                {field.label}
              </Text>
              <Text component="dd" size="sm" m={0}>
                {stored[field.name] === undefined ? '–' : String(stored[field.name])}
              </Text>
            </Group>
          ))}
        </dl>
        <Button variant="default" size="xs" onClick={begin}>
          Replace…
        </Button>
      </section>
    )
  }
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    const found = check(fields, values)
    setWrong(found)
    if (Object.keys(found).length > 0) return
    update.mutate(
      { credential: toObject(fields, values) },
      {
        onSuccess: () => {
          setValues(undefined)
          test.mutate(connection.id)
        },
        onError: error => setWrong(errorsByField(fields, toApiError(error).errors)),
      },
    )
  }
  return (
    <section aria-labelledby="credential">
      <Title order={2} id="credential" mb="xs">
        New credential
      </Title>
      <form onSubmit={submit} noValidate>
        <Stack>
          <SchemaForm
            fields={fields}
            values={values}
            errors={wrong}
            onChange={(field, value) => setValues(now => ({ ...now, [field]: value }))}
          />
          {update.isError && <ErrorNote title="The credential was not replaced." error={update.error} />}
          <Group>
            <Button type="submit" loading={update.isPending}>
              Replace the credential
            </Button>
            <Button variant="default" onClick={() => setValues(undefined)}>
              Back
            </Button>
          </Group>
        </Stack>
      </form>
    </section>
  )
}

function Remove({ connection }: { connection: Connection }) {
  const [asking, setAsking] = useState(false)
  const remove = useDeleteConnection()
  const navigate = route.useNavigate()
  return (
    <>
      <Button variant="default" size="xs" onClick={() => setAsking(true)}>
        Delete…
      </Button>
      <Confirm
        opened={asking}
        title={`Delete “${connection.name}”`}
        action="Delete the connection"
        danger
        pending={remove.isPending}
        error={remove.error ?? undefined}
        onConfirm={() =>
          remove.mutate(connection.id, { onSuccess: () => void navigate({ to: '/connections' }) })
        }
        onClose={() => setAsking(false)}
      >
        The stored credential is destroyed. A connection that a snapshot uses cannot be deleted.
      </Confirm>
    </>
  )
}
