import { open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { errorCode, fault } from '../fault.ts'
import type { RevocationReason } from '../x509/crl.ts'
import { cannotWrite, type NewFile, PUBLIC_MODE } from './files.ts'

/** One certificate that the CA has signed. */
export interface RegisterEntry {
  /** Lower-case hex. */
  readonly serial: string
  /** `mod-users-19.7.0`, `operator/anna`. */
  readonly name: string
  readonly uri: string
  /** The short id of the CA that signed it: a root, or an intermediate. */
  readonly issuer: string
  /** ISO 8601. */
  readonly notBefore: string
  /** ISO 8601. */
  readonly notAfter: string
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  /** Where it was written, relative to the CA's directory; null if it was not written to a directory. */
  readonly directory: string | null
  /** Where its key is: in that directory, or with the sender of a signing request. */
  readonly key: 'here' | 'elsewhere'
  readonly revoked?: { readonly at: string; readonly reason: RevocationReason }
}

/** A root of the CA. One signs; during a rollover there is a second, the next or the previous one. */
export interface RootEntry {
  readonly id: string
  /** The file of its key in the CA's directory. */
  readonly key: string
  readonly state: 'signing' | 'next' | 'old'
}

/** The content of `index.json`. */
export interface Register {
  readonly format: 1
  readonly trustDomain: string
  readonly roots: readonly RootEntry[]
  /** Number of the last CRL; 0 when there was none. */
  readonly crlNumber: number
  readonly issued: readonly RegisterEntry[]
}

const INDEX = 'index.json'
const LOCK = '.lock'
const LOCK_WAIT_MS = 10_000
/** How long an expired certificate stays in the register, for questions about it. */
const REMEMBERED_MS = 30 * 24 * 3600_000

/** Reads the register of a CA directory; throws a Fault that says how to make a CA. */
export async function readRegister(directory: string): Promise<Register> {
  const path = join(directory, INDEX)
  const text = await readFile(path, 'utf8').catch((error) => {
    if (errorCode(error) === 'ENOENT') {
      throw fault(`there is no development CA in ${directory}`, {
        hint: `give the directory of the CA; only where there is none yet: okapi-sidecar certs init --dir ${directory} --trust-domain folio.test`,
      })
    }
    throw fault(`cannot read ${path} (${errorCode(error) ?? String(error)})`)
  })
  const register = parse(text)
  if (register === undefined) {
    throw fault('this is not the index of a CA', {
      where: { file: path },
      hint: 'restore it from a backup; without it no certificate can be revoked',
    })
  }
  return register
}

function parse(text: string): Register | undefined {
  try {
    const register: Register = JSON.parse(text)
    const whole =
      register.format === 1 && Array.isArray(register.roots) && Array.isArray(register.issued)
    return whole ? register : undefined
  } catch {
    return undefined
  }
}

/** The register as a file to be staged, without entries that expired long ago. */
export function registerFile(register: Register, now: Date): NewFile {
  const since = new Date(now.getTime() - REMEMBERED_MS).toISOString()
  const issued = register.issued.filter(({ notAfter }) => notAfter >= since)
  const content = `${JSON.stringify({ ...register, issued }, null, 2)}\n`
  return { name: INDEX, content, mode: PUBLIC_MODE }
}

/**
 * Runs `change` while no other process or call changes this CA. A lock that its owner may have left
 * behind is not removed: after ten seconds a Fault names the file.
 */
export async function locked<T>(directory: string, change: () => Promise<T>): Promise<T> {
  const path = join(directory, LOCK)
  const until = performance.now() + LOCK_WAIT_MS
  while (!(await take(path))) {
    if (performance.now() > until) {
      const owner = await readFile(path, 'utf8').catch(() => '')
      throw fault(`another process (${owner.trim() || 'unknown'}) is changing ${directory}`, {
        hint: `if it is gone: rm ${path}`,
      })
    }
    await wait(5 + Math.random() * 20)
  }
  try {
    return await change()
  } finally {
    await unlink(path)
  }
}

async function take(path: string): Promise<boolean> {
  let ours = false
  try {
    const file = await open(path, 'wx', PUBLIC_MODE)
    ours = true
    await file.writeFile(`process ${process.pid}\n`).finally(() => file.close())
    return true
  } catch (error) {
    // A full disk has room for an empty file: if it stayed, it would block all later changes.
    if (ours) await unlink(path)
    else if (errorCode(error) === 'EEXIST') return false
    throw cannotWrite(path, error)
  }
}
