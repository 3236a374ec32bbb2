import { Button, Group, List, Skeleton, Stack, Text, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { toApiError } from '@/api/errors'
import type { Connector } from '@/api/model'
import { connectorsQuery, useCreateConnection } from '@/api/queries/connections'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { LinkButton } from '@/ui/LinkButton'
import { Page } from '@/ui/Page'
import { check, errorsByField, type FormValues, initialValues, readForm, toObject } from '@/ui/schema/form'
import { SchemaForm } from '@/ui/schema/SchemaForm'

const route = getRouteApi('/connections/new/$service')

export function NewConnectionPage() {
  const { service } = route.useParams()
  const connectors = useQuery(connectorsQuery)
  const connector = connectors.data?.find(c => c.service === service)
  if (connectors.isPending) {
    return (
      <Page title="Connect">
        <Skeleton height={200} aria-label="Loading the form" />
      </Page>
    )
  }
  if (connectors.isError) {
    return (
      <Page title="Connect">
        <ErrorNote
          title="The services could not be read."
          error={connectors.error}
          onRetry={() => void connectors.refetch()}
        />
      </Page>
    )
  }
  if (!connector) {
    return (
      <Page title="Connect">
        <EmptyState
          title="There is no such service"
          action={<LinkButton to="/connections">To the connections</LinkButton>}
        >
          This installation has no connector named “{service}”.
        </EmptyState>
      </Page>
    )
  }
  return (
    <Page title={`Connect ${connector.title}`}>
      <Connect connector={connector} />
    </Page>
  )
}

function Connect({ connector }: { connector: Connector }) {
  const fields = useMemo(() => readForm(connector.credential), [connector])
  const [name, setName] = useState(connector.title)
  const [values, setValues] = useState<FormValues>(() => initialValues(fields))
  const [wrong, setWrong] = useState<Record<string, string>>({})
  const create = useCreateConnection()
  const navigate = route.useNavigate()
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    const found = check(fields, values)
    setWrong(found)
    if (Object.keys(found).length > 0) return
    create.mutate(
      { service: connector.service, name: name.trim(), credential: toObject(fields, values) },
      {
        onSuccess: connection =>
          void navigate({ to: '/connections/$connectionId', params: { connectionId: connection.id } }),
        onError: error => setWrong(errorsByField(fields, toApiError(error).errors)),
      },
    )
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw={560}>
        {connector.about && <Text>{connector.about}</Text>}
        <TextInput
          label="Name"
          description="How this connection is called here."
          value={name}
          onChange={event => setName(event.currentTarget.value)}
          maxLength={200}
          required
        />
        <SchemaForm
          fields={fields}
          values={values}
          errors={wrong}
          onChange={(field, value) => setValues(now => ({ ...now, [field]: value }))}
        />
        {connector.cannot.length > 0 && (
          <div>
            <Text size="sm" fw={600}>
              What it cannot do
            </Text>
            <List size="sm">
              {connector.cannot.map(one => (
                <List.Item key={one}>{one}</List.Item>
              ))}
            </List>
          </div>
        )}
        {create.isError && <ErrorNote title="The connection was not made." error={create.error} />}
        <Group>
          <Button type="submit" loading={create.isPending} disabled={name.trim() === ''}>
            Connect
          </Button>
          <LinkButton variant="default" to="/connections">
            Back
          </LinkButton>
        </Group>
      </Stack>
    </form>
  )
}
