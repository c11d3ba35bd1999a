import { readFolder } from './read-folder.ts'
import type { CredentialSource, RawMaterial } from './source.ts'
import { type WatchTimes, watchDirectory } from './watch-directory.ts'

/** The names that cert-manager and the csi-driver write; sizes generous for any chain, bundle or list. */
export const KEY_FILE = { name: 'tls.key', maxBytes: 65_536 }
export const CERTIFICATE_FILE = { name: 'tls.crt', maxBytes: 1_048_576 }
const WANTED = {
  key: KEY_FILE,
  cert: CERTIFICATE_FILE,
  ca: { name: 'ca.crt', maxBytes: 4_194_304 },
  crl: { name: 'ca.crl', maxBytes: 67_108_864, optional: true },
} as const

/** A directory with `tls.crt`, `tls.key`, `ca.crt` and perhaps `ca.crl`. */
export function directorySource(directory: string, times?: WatchTimes): CredentialSource {
  return {
    description: directory,
    read: () => readDirectory(directory),
    watch: (onChange) => watchDirectory(directory, onChange, times),
  }
}

async function readDirectory(directory: string): Promise<RawMaterial> {
  const files = await readFolder(directory, WANTED)
  const [key, cert, ca] = [files.get('key')!, files.get('cert')!, files.get('ca')!]
  const crl = files.get('crl')
  return { key, cert, ca, ...(crl !== undefined && { crl }) }
}
