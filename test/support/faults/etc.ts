import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Without root, a user namespace makes the process root in it, where the system allows that. */
const APART = process.getuid?.() === 0 ? ['-m'] : ['-rm']

/** What a process finds in files of /etc that are its own. */
export interface Etc {
  /** Where its name server answers on loopback. */
  readonly port: number
  /** More lines of resolv.conf. */
  readonly resolv?: readonly string[]
  /** More lines of hosts. */
  readonly hosts?: readonly string[]
}

/** The command that starts a process with an /etc/hosts and an /etc/resolv.conf of its own, kept in `directory`. */
export function withEtc(directory: string, { port, resolv = [], hosts = [] }: Etc): string[] {
  const write = (name: string, lines: readonly string[]) => {
    const file = join(directory, name)
    writeFileSync(file, `${lines.join('\n')}\n`)
    return file
  }
  const files = [
    ['/etc/hosts', write('hosts', ['127.0.0.1 localhost', ...hosts])],
    ['/etc/resolv.conf', write('resolv.conf', [`nameserver 127.0.0.1:${port}`, ...resolv])],
  ]
  const mounts = files.map(([at, file]) => `mount --bind ${file} ${at} && `).join('')
  return ['unshare', ...APART, 'sh', '-c', `${mounts}exec "$@"`, '_']
}

/** Why no process can have files of its own here; undefined: it can. */
export function whyNoEtc(): string | undefined {
  const { status, stderr, error } = spawnSync('unshare', [...APART, 'true'], { encoding: 'utf8' })
  return status === 0 ? undefined : `mount namespaces: ${error?.message ?? stderr.trim()}`
}
