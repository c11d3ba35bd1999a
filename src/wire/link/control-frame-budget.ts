import { Budget } from '../../refusal/budget.ts'

/** Frames that do no work: at once, and per second on top. */
const MOST = 4096
const PER_SECOND = 512
/** How many frames of an exchange may arrive after it is over. */
const LATE_FRAMES = 8
/** Credit in smaller crumbs is noise. */
const CRUMB_BYTES = 4096

/** How many useless frames a peer may send. */
export class ControlFrameBudget extends Budget {
  constructor(now: number) {
    super(MOST, PER_SECOND, now)
  }

  /** An exchange was opened: its late frames are allowed. */
  opened(): void {
    this.earn(LATE_FRAMES)
  }

  /** May this much credit be given? */
  allowsCredit(bytes: number, now: number): boolean {
    return bytes >= CRUMB_BYTES || this.spend(now)
  }
}
