import { Budget } from '../../refusal/budget.ts'

/** Frames that do no work: at once, and per second on top. */
const MOST = 4096
const PER_SECOND = 512
/** So many frames of an exchange may well come when it is over already. */
const LATE_FRAMES = 8
/** Credit in smaller crumbs is noise. */
const CRUMB_BYTES = 4096

/** How much a peer may say that is of no use. */
export class ControlFrameBudget extends Budget {
  constructor(now: number) {
    super(MOST, PER_SECOND, now)
  }

  /** An exchange was opened: what comes of it too late is forgiven. */
  opened(): void {
    this.earn(LATE_FRAMES)
  }

  /** May this much credit be given? */
  allowsCredit(bytes: number, now: number): boolean {
    return bytes >= CRUMB_BYTES || this.spend(now)
  }
}
