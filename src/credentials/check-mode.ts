import type { Problems } from './problems.ts'
import type { RawFile } from './source.ts'

/** Who can change a file can become this module, or choose whom it trusts. */
export function checkMode({ path, mode }: RawFile, isKey: boolean, problems: Problems): void {
  if (mode === undefined) return
  const octal = (mode & 0o7777).toString(8).padStart(4, '0')
  if ((mode & 0o022) !== 0) {
    problems.error(path, `others may write it (mode ${octal})`, `chmod go-w ${path}`)
  } else if (isKey && (mode & 0o004) !== 0) {
    // Kubernetes mounts secrets as 0644 unless told otherwise.
    problems.warning(
      path,
      `everybody may read the private key (mode ${octal})`,
      `chmod o-r ${path}`,
    )
  }
}
