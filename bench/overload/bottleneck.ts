import type { OpenLoopResult } from './open-loop.ts'

/** What is at its limit, and the chain that leads there. */
export interface Bottleneck {
  readonly name: string
  /** Requests a second, with as many callers as suits it. */
  best(seconds: number): Promise<number>
  /** Asks at a rate. */
  asked(load: {
    perSecond: number
    warmUpSeconds: number
    seconds: number
  }): Promise<OpenLoopResult>
}
