import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fault } from '../../fault.ts'
import { mustBeIssued, type Round, round } from '../../pki/agent.ts'
import { openAuthority } from '../../pki/ca.ts'
import { namesIssued } from '../../pki/places.ts'
import { utcMinute } from '../terminal.ts'
import { none } from './arguments.ts'

const EXAMPLE = 'agent --dir certs-dev --for mod-users-19.7.0,okapi-7.2.0'
/** The clock may be set and a certificate replaced, so everything is checked again after this time. */
const LONGEST_NAP_MS = 60_000
const SHORTEST_NAP_MS = 1000

/** `certs agent`: renews leaves until it is told to end. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    strict: true,
    allowPositionals: true,
    options: {
      dir: { type: 'string', default: 'certs-dev' },
      for: { type: 'string' },
      all: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  none(positionals, EXAMPLE)
  const named = (values.for ?? '').split(',').filter((name) => name !== '')
  if (values.all && values.for !== undefined) throw fault('either --for or --all')
  if (named.length === 0 && !values.all) {
    throw fault('--for is missing', { hint: `--all, or: okapi-sidecar certs ${EXAMPLE}` })
  }
  const authority = await openAuthority(values.dir)
  await mustBeIssued(authority, named)
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => ending.abort())
  }
  let clean = true
  while (!ending.signal.aborted) {
    const names = values.all ? await namesIssued(await authority.read()) : named
    const done = await round(authority, names)
    say(done, values.json)
    clean = done.failed.length === 0
    if (values.once) break
    const left = done.next.getTime() - authority.now().getTime()
    const nap = Math.min(LONGEST_NAP_MS, Math.max(SHORTEST_NAP_MS, left))
    await wait(nap, undefined, { signal: ending.signal }).catch(() => undefined)
  }
  return clean ? 0 : 1
}

/** One line for each event; nothing for a round without any. */
function say({ renewed, crl, failed, next }: Round, asJson: boolean): void {
  const lines = [
    ...renewed.map(({ subject, certificate }) => ({
      event: 'renewed',
      name: subject.title,
      until: certificate.validToDate,
    })),
    ...(crl === undefined
      ? []
      : [{ event: 'renewed', name: `CRL number ${crl.number}`, until: crl.nextUpdate }]),
  ]
  for (const { event, name, until } of lines) {
    const text = asJson
      ? JSON.stringify({ event, name, until: until.toISOString(), next: next.toISOString() })
      : `${event} ${name}, until ${utcMinute(until)}`
    process.stdout.write(`${text}\n`)
  }
  for (const { name, error } of failed) {
    const why = error instanceof Error ? error.message : String(error)
    const text = asJson
      ? JSON.stringify({ event: 'failed', name, why })
      : `okapi-sidecar: error: ${name} was not renewed: ${why}`
    ;(asJson ? process.stdout : process.stderr).write(`${text}\n`)
  }
}
