import type { QueryClient } from '@tanstack/react-query'
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { tablesQuery } from '@/api/queries/snapshots'
import { HomePage } from '@/features/home/HomePage'
import { NotFound, RouteError } from './RouteError'
import { Shell } from './Shell'

interface RouterContext {
  client: QueryClient
}

const root = createRootRouteWithContext<RouterContext>()({ component: Shell })

const home = createRoute({ getParentRoute: () => root, path: '/', component: HomePage })

const connections = createRoute({
  getParentRoute: () => root,
  path: '/connections',
  component: lazyRouteComponent(() => import('@/features/connections/ConnectionsPage'), 'ConnectionsPage'),
})

const newConnection = createRoute({
  getParentRoute: () => root,
  path: '/connections/new/$service',
  component: lazyRouteComponent(
    () => import('@/features/connections/NewConnectionPage'),
    'NewConnectionPage',
  ),
})

const connection = createRoute({
  getParentRoute: () => root,
  path: '/connections/$connectionId',
  component: lazyRouteComponent(() => import('@/features/connections/ConnectionPage'), 'ConnectionPage'),
})

const snapshot = createRoute({
  getParentRoute: () => root,
  path: '/s/$snapshotId',
  component: lazyRouteComponent(() => import('@/features/snapshots/SnapshotLayout'), 'SnapshotLayout'),
})

/** The first table, where there is one; else the page that adds one. */
const firstTable = createRoute({
  getParentRoute: () => snapshot,
  path: '/',
  loader: async ({ context, params }) => {
    const tables = await context.client.ensureQueryData(tablesQuery(params.snapshotId))
    const first = tables[0]
    if (first) {
      throw redirect({
        to: '/s/$snapshotId/t/$tableId',
        params: { snapshotId: params.snapshotId, tableId: first.id },
        replace: true,
      })
    }
  },
  component: lazyRouteComponent(() => import('@/features/snapshots/NoTables'), 'NoTables'),
})

/** What a person might share or reload: the order, the search, what is filtered, the open record. */
export interface TableSearch {
  sort?: string
  q?: string
  only?: 'edited' | 'conflict' | 'new' | 'deleted'
  row?: string
}

const onlys: readonly unknown[] = ['edited', 'conflict', 'new', 'deleted'] satisfies TableSearch['only'][]

const table = createRoute({
  getParentRoute: () => snapshot,
  path: '/t/$tableId',
  validateSearch: (search: Record<string, unknown>): TableSearch => ({
    ...(typeof search.sort === 'string' && { sort: search.sort }),
    ...(search.q !== undefined && search.q !== '' && { q: String(search.q) }),
    ...(onlys.includes(search.only) && { only: search.only as NonNullable<TableSearch['only']> }),
    ...(search.row !== undefined && { row: String(search.row) }),
  }),
  component: lazyRouteComponent(() => import('@/features/tables/TablePage'), 'TablePage'),
})

const publish = createRoute({
  getParentRoute: () => snapshot,
  path: '/publish',
  component: lazyRouteComponent(() => import('@/features/publish/PublishPage'), 'PublishPage'),
})

const plan = createRoute({
  getParentRoute: () => snapshot,
  path: '/publish/$planId',
  component: lazyRouteComponent(() => import('@/features/publish/PlanPage'), 'PlanPage'),
})

const schedules = createRoute({
  getParentRoute: () => snapshot,
  path: '/schedules',
  component: lazyRouteComponent(() => import('@/features/schedules/SchedulesPage'), 'SchedulesPage'),
})

const jobs = createRoute({
  getParentRoute: () => root,
  path: '/jobs',
  component: lazyRouteComponent(() => import('@/features/jobs/JobsPage'), 'JobsPage'),
})

const job = createRoute({
  getParentRoute: () => root,
  path: '/jobs/$jobId',
  component: lazyRouteComponent(() => import('@/features/jobs/JobPage'), 'JobPage'),
})

const routes = root.addChildren([
  home,
  connections,
  newConnection,
  connection,
  snapshot.addChildren([firstTable, table, publish, plan, schedules]),
  jobs,
  job,
])

export function createAppRouter(client: QueryClient) {
  return createRouter({
    routeTree: routes,
    context: { client },
    defaultPreload: 'intent',
    defaultPreloadStaleTime: 0,
    defaultErrorComponent: RouteError,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: false,
  })
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>
  }
}
