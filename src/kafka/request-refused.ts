import type { Refusal } from '../refusal/refusal.ts'

/** Thrown where a request may not be, and no answer could say so: the connection ends. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.because)
    this.refusal = refusal
  }
}
