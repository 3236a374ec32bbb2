import { create } from 'zustand'

interface Panels {
  /** The job that the drawer shows; "list" shows those that run. */
  job: string | 'list' | undefined
  openJob(id: string): void
  openJobs(): void
  closeJob(): void
}

/** Which panels are open. State of the page alone; what they show comes from the server. */
export const usePanels = create<Panels>(set => ({
  job: undefined,
  openJob: id => set({ job: id }),
  openJobs: () => set({ job: 'list' }),
  closeJob: () => set({ job: undefined }),
}))
