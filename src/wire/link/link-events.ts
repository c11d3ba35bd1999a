import type { LinkEnding } from '../../refusal/link-endings.ts'

/** What the rooms above want to know of links. */
export interface LinkEvents {
  /** @param peer the name of the other side; `detail` says more where there is more to say */
  ended(ending: LinkEnding, peer: string, detail: string): void
  /** The peer does not answer: what comes next goes elsewhere, until it does. */
  doubted?(peer: string): void
}
