import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'

/** What an instance writes down, in this order. */
export type Step =
  /** The head is there. */
  | 'begun'
  /** The body is there, whole. */
  | 'whole'
  /** The answer is about to be sent, whole. */
  | 'answers'

/** One line of a ledger. */
export interface Entry {
  readonly step: Step
  /** ms since 1970 */
  readonly at: number
  readonly id: string
  readonly tenant: string
  readonly method: string
  readonly target: string
  /** Of the body that has come; with `answers` of the one that is sent. */
  readonly digest: string
}

/** The ledger of an instance: what is written is there even when the process is killed. */
export class Ledger {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  write(entry: Entry): void {
    writeSync(this.#file, `${JSON.stringify(entry)}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** All of it; a last line that was cut by a kill does not count. */
export function readLedger(path: string): Entry[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line.endsWith('}')).map((line): Entry => JSON.parse(line))
}
