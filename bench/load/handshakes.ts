import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { LOAD_CPU } from '../measure/pinning.ts'
import { CALLER } from '../site/certificates.ts'
import type { Site } from '../site/site.ts'
import type { LoadResult } from './load.ts'

const run = promisify(execFile)

/** Full handshakes with a client certificate, one behind the other, as fast as they go. */
export async function handshakes(site: Site, port: number, seconds: number): Promise<LoadResult> {
  const own = join(site.certs, CALLER)
  const files = ['-cert', `${own}/tls.crt`, '-key', `${own}/tls.key`, '-CAfile', `${own}/ca.crt`]
  const args = [
    's_time',
    '-connect',
    `127.0.0.1:${port}`,
    ...files,
    '-new',
    '-time',
    String(seconds),
  ]
  const { stdout } = await run('taskset', ['-c', String(LOAD_CPU), site.tools.openssl, ...args])
  const [, count, real] = /(\d+) connections in (\d+) real seconds/.exec(stdout) ?? []
  if (count === undefined || real === undefined) throw new Error(`openssl s_time said: ${stdout}`)
  const requests = Number(count)
  if (requests === 0) throw new Error('no handshake came to its end')
  return {
    requests,
    perSecond: requests / Number(real),
    p50Micros: Number.NaN,
    p99Micros: Number.NaN,
  }
}
