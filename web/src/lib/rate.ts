/** How fast something goes, and when it will be done, from the counts as they come in. */

interface Sample {
  readonly at: number
  readonly done: number
}

/** Ten seconds of counts are enough to promise anything; older ones say nothing about now. */
const least = 10_000
const window = 30_000

export class Rate {
  private samples: Sample[] = []

  add(at: number, done: number): void {
    const last = this.samples.at(-1)
    // A count that falls belongs to another attempt: what came before says nothing.
    if (last && done < last.done) this.samples = []
    this.samples.push({ at, done })
    const from = this.samples.findIndex(s => s.at >= at - window)
    if (from > 1) this.samples = this.samples.slice(from - 1)
  }

  /** Per second, or undefined while it is too early to say. */
  perSecond(): number | undefined {
    const first = this.samples[0]
    const last = this.samples.at(-1)
    if (!first || !last || last.at - first.at < least) return undefined
    return ((last.done - first.done) * 1000) / (last.at - first.at)
  }

  /** Milliseconds that are left, or undefined. */
  left(total: number): number | undefined {
    const speed = this.perSecond()
    const done = this.samples.at(-1)?.done ?? 0
    if (!speed || total < done) return undefined
    return ((total - done) / speed) * 1000
  }
}
