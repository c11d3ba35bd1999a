/** `inconclusive`: the target did not do enough, or not in time, to be judged. */
export type Outcome = 'blocked' | 'got-through' | 'inconclusive'

/** What went over the socket, as text: cut, with secrets masked. */
export interface Evidence {
  readonly sent: string
  readonly received: string
  /** A shell line that sends the same bytes again; not for attacks with a certificate of their own. */
  readonly replay?: string
}

/** What came of one attack. */
export interface Finding {
  readonly outcome: Outcome
  /**
   * Where it was blocked, what the target's `X-Sidecar-Refused` said, else null. A target that is
   * not a sidecar gives no reasons.
   */
  readonly reason: string | null
  /** One sentence: what was seen that led to the verdict. */
  readonly because: string
  readonly evidence: Evidence
}
