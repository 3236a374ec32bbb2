import { MantineProvider } from '@mantine/core'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useState } from 'react'
import { toApiError } from '@/api/errors'
import { browserLive } from '@/live/browser'
import { LiveContext } from '@/live/react'
import { nonce } from './nonce'
import { createAppRouter } from './router'
import { SessionGate } from './SessionGate'
import { theme, variables } from './theme'

function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        // Only what may be better a moment later is asked again by itself.
        retry: (failures, error) => {
          const { status } = toApiError(error)
          return failures < 2 && (status === 0 || status === 502 || status === 503 || status === 504)
        },
      },
    },
  })
}

export function Providers() {
  const [live] = useState(browserLive)
  const [client] = useState(newQueryClient)
  const [router] = useState(() => createAppRouter(client))
  return (
    <MantineProvider
      theme={theme}
      defaultColorScheme="auto"
      cssVariablesResolver={variables}
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={client}>
        <LiveContext value={live}>
          <SessionGate>
            <RouterProvider router={router} />
          </SessionGate>
        </LiveContext>
      </QueryClientProvider>
    </MantineProvider>
  )
}
