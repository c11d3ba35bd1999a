import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PublicDoor } from '../../config/config.ts'
import { Fault, type Problem } from '../../fault.ts'

/** Throws a Fault with what is wrong with the certificate that `public` shows to browsers. */
export function checkPublic({ credentials: { directory } }: PublicDoor): void {
  const problems: Problem[] = []
  const error = (file: string, message: string) =>
    problems.push({ severity: 'error', message, where: { file: join(directory, file) } })
  const read = <T>(file: string, parse: (pem: Buffer) => T): T | undefined => {
    try {
      return parse(readFileSync(join(directory, file)))
    } catch (thrown) {
      error(file, `cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
      return undefined
    }
  }
  const certificate = read('tls.crt', (pem) => new X509Certificate(pem))
  const key: KeyObject | undefined = read('tls.key', (pem) => createPrivateKey(pem))
  if (certificate !== undefined && certificate.validToDate.getTime() < Date.now()) {
    error('tls.crt', `has ended on ${certificate.validToDate.toISOString()}`)
  }
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key)) {
    error('tls.key', 'does not belong to tls.crt')
  }
  if (problems.length > 0) throw new Fault(problems)
}
