import { Skeleton, Stack, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Connection, Connector } from '@/api/model'
import { connectionsQuery, connectorsQuery } from '@/api/queries/connections'
import { EmptyState } from '@/ui/EmptyState'
import { ErrorNote } from '@/ui/ErrorNote'
import { Page } from '@/ui/Page'
import { StatusChip, type Tone } from '@/ui/StatusChip'
import css from './connections.module.css'

const states: Record<Connection['state'], readonly [tone: Tone, sign: string, word: string]> = {
  ready: ['good', '✓', 'ready'],
  needs_reconnect: ['bad', '!', 'needs a new credential'],
  untested: ['calm', '?', 'not tested'],
}

export function ConnectionChip({ state }: { state: Connection['state'] }) {
  const [tone, sign, word] = states[state]
  return (
    <StatusChip tone={tone} sign={sign}>
      {word}
    </StatusChip>
  )
}

export function ConnectionsPage() {
  const connections = useQuery(connectionsQuery)
  const connectors = useQuery(connectorsQuery)
  const error = connections.error ?? connectors.error
  return (
    <Page title="Connections">
      {error && (
        <ErrorNote
          title="The connections could not be read."
          error={error}
          onRetry={() => {
            void connections.refetch()
            void connectors.refetch()
          }}
        />
      )}
      {connections.isPending && <Skeleton height={100} aria-label="Loading the connections" />}
      {connections.data && connectors.data && (
        <Stack gap="xl">
          {connections.data.length === 0 ? (
            <EmptyState title="No connections yet">
              Choose a service below. Its credential is stored encrypted and is never shown again.
            </EmptyState>
          ) : (
            <ul className={css.list} aria-label="Connections">
              {connections.data.map(one => (
                <ConnectionLine
                  key={one.id}
                  connection={one}
                  connector={connectors.data.find(c => c.service === one.service)}
                />
              ))}
            </ul>
          )}
          <section aria-labelledby="add-connection">
            <Title order={2} id="add-connection" mb="sm">
              Add a connection
            </Title>
            <ul className={css.cards}>
              {connectors.data.map(connector => (
                <li key={connector.service}>
                  <Link
                    to="/connections/new/$service"
                    params={{ service: connector.service }}
                    className={css.card}
                  >
                    <span className={css.name}>{connector.title}</span>
                    {connector.about && <span className={css.facts}>{connector.about}</span>}
                  </Link>
                </li>
              ))}
            </ul>
          </section>
        </Stack>
      )}
    </Page>
  )
}

function ConnectionLine({
  connection,
  connector,
}: {
  connection: Connection
  connector: Connector | undefined
}) {
  return (
    <li>
      <Link to="/connections/$connectionId" params={{ connectionId: connection.id }} className={css.line}>
        <span className={css.name}>{connection.name}</span>
        <span className={css.facts}>
          {connector?.title ?? connection.service}
          {connection.account && ` · ${connection.account}`}
        </span>
        <ConnectionChip state={connection.state} />
        {connection.problem && <span className={css.problem}>{connection.problem.detail}</span>}
      </Link>
    </li>
  )
}
