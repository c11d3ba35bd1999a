import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createAuthority } from '../../src/pki/ca.ts'

/** Whose sidecar calls, and whose is called. */
export const CALLER = 'mod-caller-1.0.0'
export const OKAPI = 'okapi-7.2.0'
/** The module that answers, where it has a sidecar too. */
export const CALLEE = 'mod-items-1.0.0'
export const TRUST_DOMAIN = 'bench.example.org'

/** Further callers, for the study of many peers. */
export const CALLERS: readonly string[] = Array.from({ length: 8 }, (_, i) => `mod-caller-1.0.${i}`)

/** ECDSA P-256, the same for all candidates; each key also in one file with its chain, for HAProxy. */
export async function issueCertificates(directory: string): Promise<void> {
  const authority = await createAuthority(directory, { trustDomain: TRUST_DOMAIN, key: 'p256' })
  const names = { ips: ['127.0.0.1'], dns: ['okapi'] }
  await authority.issue(OKAPI, { ...names, powerful: true })
  await authority.issue(CALLEE, { ips: ['127.0.0.1'] })
  for (const caller of CALLERS) await authority.issue(caller)
  for (const name of [OKAPI, CALLER]) {
    const files = ['tls.crt', 'tls.key'].map((file) =>
      readFile(join(directory, name, file), 'utf8'),
    )
    await writeFile(join(directory, name, 'bundle.pem'), (await Promise.all(files)).join(''), {
      mode: 0o600,
    })
  }
}
