import { existsSync, readdirSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import type { Environment } from '../scenario/process.ts'

/** Where Debian, Fedora and Alpine have the library of the package `faketime`. */
const FOLDERS = [
  ...(existsSync('/usr/lib')
    ? readdirSync('/usr/lib').map((name) => `/usr/lib/${name}/faketime`)
    : []),
  ...['/usr/lib64/faketime', '/usr/lib/faketime', '/usr/local/lib/faketime'],
]
const LIBRARY = FOLDERS.map((folder) => `${folder}/libfaketimeMT.so.1`).find(existsSync)

/** The time of day of some processes, which a test sets; their monotonic clocks are not changed. */
export class TimeOfDay {
  /** What those processes are started with. */
  readonly env: Environment
  readonly #file: string

  private constructor(file: string) {
    this.#file = file
    this.env = {
      LD_PRELOAD: LIBRARY ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
      FAKETIME_DONT_RESET: '1',
    }
  }

  /** @param file where no other is; it is theirs to read */
  static async make(file: string): Promise<TimeOfDay> {
    const time = new TimeOfDay(file)
    await time.off(0)
    return time
  }

  /** From now on their time of day is so many milliseconds ahead; negative: behind. */
  async off(ms: number): Promise<void> {
    // In one step: a half-written file would be another time.
    await writeFile(`${this.#file}.new`, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1000}\n`)
    await rename(`${this.#file}.new`, this.#file)
  }
}

/** Why the time of day cannot be set here; undefined: it can. */
export function whyNoTimeOfDay(): string | undefined {
  return LIBRARY === undefined ? 'libfaketime is not here (Debian: faketime)' : undefined
}
