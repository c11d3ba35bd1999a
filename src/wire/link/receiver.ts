import { WINDOW_BYTES } from './frames.ts'

/** Credit is given back in halves of the window: a small body costs no frame for it. */
const GRANT_BYTES = WINDOW_BYTES / 2

/** The receiving half of an exchange: how much may still come. */
export class Receiver {
  #left = WINDOW_BYTES
  #handedOn = 0
  /** The peer's half is over. */
  ended = false

  begin(): void {
    this.#left = WINDOW_BYTES
    this.#handedOn = 0
    this.ended = false
  }

  /** A DATA frame of this length begins. False when there was no credit for it. */
  take(length: number): boolean {
    this.#left -= length
    return this.#left >= 0
  }

  /** So many bytes have left us: the stream that takes them was not over its mark. */
  handedOn(bytes: number): void {
    this.#handedOn += bytes
  }

  /** What is to be given back now; 0 for nothing. The caller sends it. */
  due(): number {
    if (this.ended || this.#handedOn < GRANT_BYTES) return 0
    const due = this.#handedOn
    this.#handedOn = 0
    this.#left += due
    return due
  }
}
