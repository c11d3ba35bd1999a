import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { type Outcome, typed } from './typed.ts'

/** The descriptors that were written for the tests. */
export const SET = fileURLToPath(new URL('../fixtures/descriptors', import.meta.url))

/** Types `okapi-sidecar policy …`; `input` is what it reads from standard input. */
export function policy(argv: readonly string[], input = ''): Promise<Outcome> {
  return typed(['policy', ...argv], { env: { COLUMNS: '80' }, input })
}

/** A folder that is gone after the test. */
export async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'policy-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A configuration of Okapi's sidecar with a migration listener that is open until `until`. */
export async function withMigrationListener(t: ExecutionContext, until: Date): Promise<string> {
  const path = await folder(t)
  const file = join(path, 'okapi.yaml')
  await writeFile(
    file,
    `module: okapi-7.2.0
trustDomain: folio.test
credentials: { directory: ${path} }
ingress: { listen: 127.0.0.1:8443, forward: "http://127.0.0.1:9130" }
policy: { descriptors: ${SET} }
migration:
  listen: 127.0.0.1:9131
  from: [10.1.2.0/24]
  until: ${until.toISOString().slice(0, 19)}Z
  why: mod-orders <moves> in March
`,
  )
  return file
}

/** Every line fits a terminal of 80 columns. */
export function narrow(t: ExecutionContext, text: string): void {
  for (const line of text.split('\n')) t.true(line.length <= 80, line)
}
