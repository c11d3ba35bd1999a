import { readFileSync, statSync } from 'node:fs'
import { errorCode, Fault, fault, sentence } from '../fault.ts'
import type { TrustBundle } from '../trust/chain.ts'
import { toPem } from '../x509/pem.ts'
import { checkMode, Problems, type RawFile } from './raw-material.ts'
import { readBundle } from './read-bundle.ts'

/** Authorities from a separate file, for servers that are not peers. */
export interface NamedAuthorities {
  readonly bundle: TrustBundle
  readonly caPems: readonly string[]
}

/** Reads such a file. Throws a Fault with everything that is wrong with it. */
export function readAuthorities(path: string, now: number): NamedAuthorities {
  const problems = new Problems()
  const file = open(path)
  checkMode(file, false, problems)
  const bundle = readBundle(file, now, problems)
  if (bundle === undefined || problems.any) throw new Fault(problems.all)
  return { bundle, caPems: bundle.authorities.map(({ der }) => toPem('CERTIFICATE', der)) }
}

/** The live cell of one file: looked at again now and then, and the last good content stays. */
export class TrustFile {
  current: NamedAuthorities
  readonly #path: string
  readonly #now: () => number
  #seen: string
  #failure = ''

  /** Throws a Fault where the file is not good. @param now milliseconds since 1970 */
  constructor(path: string, now: () => number) {
    this.#path = path
    this.#now = now
    this.#seen = stamp(path)
    this.current = readAuthorities(path, now())
  }

  /** Is there a new, valid content? `failed` is called with each new reason why not. */
  changed(failed: (why: string) => void): boolean {
    const seen = stamp(this.#path)
    if (seen === this.#seen) return false
    try {
      this.current = readAuthorities(this.#path, this.#now())
      this.#seen = seen
      this.#failure = ''
      return true
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const why = error.problems.map(sentence).join('; ')
      if (why !== this.#failure) failed(why)
      this.#failure = why
      return false
    }
  }
}

/** A value that changes whenever the file does, also if a link points to another one. */
function stamp(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path)
    return [ino, size, mtimeMs, ctimeMs].join(' ')
  } catch (error) {
    return errorCode(error) ?? 'unknown'
  }
}

function open(path: string): RawFile {
  try {
    return { bytes: readFileSync(path), path, mode: statSync(path).mode }
  } catch (error) {
    const code = errorCode(error)
    if (code === undefined) throw error
    throw fault(`cannot be read (${code})`, { where: { file: path } })
  }
}
