import { Button, Group, Skeleton, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState } from 'react'
import type { Connection } from '@/api/model'
import {
  connectionQuery,
  connectorsQuery,
  useDeleteConnection,
  useTestConnection,
} from '@/api/queries/connections'
import { Confirm } from '@/ui/Confirm'
import { ErrorNote, ProblemNote } from '@/ui/ErrorNote'
import { Page } from '@/ui/Page'
import { initialValues, readForm, toObject } from '@/ui/schema/form'
import { ConnectionChip } from './ConnectionsPage'
import { CredentialFields, CredentialForm, storedText } from './CredentialForm'
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
  const [replacing, setReplacing] = useState(false)
  const test = useTestConnection()
  if (fields.length === 0) return null
  if (!replacing) {
    return (
      <section aria-labelledby="credential">
        <Title order={2} id="credential" mb="xs">
          Credential
        </Title>
        <CredentialFields connection={connection} fields={fields} absent="–" />
        <Button variant="default" size="xs" onClick={() => setReplacing(true)}>
          Replace…
        </Button>
      </section>
    )
  }
  const visible = fields.filter(f => !f.secret && storedText(connection, f) !== '')
  return (
    <section aria-labelledby="credential">
      <Title order={2} id="credential" mb="xs">
        New credential
      </Title>
      <CredentialForm
        connection={connection}
        fields={fields}
        initial={{
          ...initialValues(fields),
          ...Object.fromEntries(visible.map(f => [f.name, storedText(connection, f)])),
        }}
        action="Replace the credential"
        failed="The credential was not replaced."
        change={values => ({ credential: toObject(fields, values) })}
        onSaved={() => {
          setReplacing(false)
          test.mutate(connection.id)
        }}
        onBack={() => setReplacing(false)}
      />
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
