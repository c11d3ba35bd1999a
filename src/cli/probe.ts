import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import manifest from '../../package.json' with { type: 'json' }
import { errorCode, fault } from '../fault.ts'
import { type Attack, GROUPS } from '../probe/attack.ts'
import { ATTACKS, selectAttacks } from '../probe/attacks.ts'
import type { HarvestedTokens } from '../probe/context.ts'
import { control, requireReachable } from '../probe/control.ts'
import { type Given, isAtOkapi, prepare } from '../probe/prepare.ts'
import { htmlReport } from '../probe/report/html.ts'
import { junitReport } from '../probe/report/junit.ts'
import { sarifReport } from '../probe/report/sarif.ts'
import { textReport } from '../probe/report/text.ts'
import { countOutcomes, jsonReport, type Run } from '../probe/result.ts'
import { choose, play } from '../probe/runner.ts'
import { durationMs } from './certs/arguments.ts'
import { tokenIn } from './okapi.ts'
import { dialTargetOf, impostorOf, portsOf } from './probe-addresses.ts'
import { BACKEND_GROUPS, backendOf } from './probe-backends.ts'
import { paint, table } from './terminal.ts'

export const usage = `okapi-sidecar probe: attack a target as a rogue module would, and report

Usage:
    okapi-sidecar probe https://HOST:PORT [OPTIONS]
    okapi-sidecar probe --postgres HOST:PORT [OPTIONS]
    okapi-sidecar probe --kafka HOST:PORT [OPTIONS]
    okapi-sidecar probe --list [--json]

With only an address it tries what an outsider can try; with the credentials of
a module, what a hijacked module can try; with a development CA it also issues
hostile certificates. The target may be a bare module (http://...) or any other
proxy. By default nothing is changed: calls that would change data use a tenant
that does not exist. With --postgres it tries what a hijacked module can try at
its database; the only statement that it sends waits to be cancelled. With
--kafka it does so at Kafka; it writes no record and makes or deletes no topic.

Options:
    --expect ID          identity of the target: mod-users or mod-users-19.7.0
    --at okapi|module    what is behind it; default okapi where --expect
                         is okapi, else module
    --trust FILE         CA certificates to verify the target's certificate
    --credentials DIR    tls.crt and tls.key of a hijacked module; can be given
                         several times. With Okapi's own the attacks that need
                         an accepted caller run too
    --ca DIR             a CA made by \`certs init\`
    --descriptors DIR    ModuleDescriptors to take routes from
    --path PATH          an ordinary path there, instead of one of a descriptor
    --tenant T           for calls that only read
    --token-file FILE    a token that the hijacked module has seen
    --harvested KIND=FILE
                         a token that the hijacked module may not use:
                         user=FILE, module=FILE of another module, old=FILE that
                         Okapi sent to it longer ago than policy.tokenSeenMs
    --listen HOST:PORT   where Okapi's sidecar looks for the hijacked module:
                         the probe answers there with its key. Needs --ask URL,
                         a request to Okapi, or to the listener by which Okapi
                         calls modules, that leads to this module
    --postgres HOST:PORT where DB_HOST of a module points, in place of TARGET;
                         the tenant is then diku without --tenant
    --postgres-server HOST:PORT
                         the server's own port, past the sidecar
    --role ROLE          the module's own role: without it TENANT_mod_tags, or
                         that of the module of --credentials
    --database NAME      default folio
    --kafka HOST:PORT    where KAFKA_HOST of a module points, in place of
                         TARGET; the tenant is then diku without --tenant
    --kafka-broker HOST:PORT
                         a broker's own port, past the sidecar
    --env NAME           ENV of the modules; default folio
    --ports LIST         ports beside the target: module=8081,egress=9130,
                         plain=9131,admin=9901,status=9902
    --only LIST, --skip LIST
                         attacks by id or group; the groups are
                         ${Object.keys(GROUPS).slice(0, 6).join(' ')}
                         ${Object.keys(GROUPS).slice(6).join(' ')}
    --deadline 30s       for all attacks; one that has not finished by then is
                         inconclusive
    --wait 20s           how long to try until the target can be reached at all
    --stall 15s          how long the target may keep an idle connection
    --report FILE        one HTML page          --junit FILE    JUnit XML
    --sarif FILE         SARIF 2.1.0            --json          to stdout
    --list               list the attacks
    --allow-writes       use --tenant for calls that change data too
    --allow-inconclusive exit 0 although some attacks were inconclusive

Exit codes: 0 every attack was judged and blocked, 1 something got through, 2 it
could not be tried, or an attack was inconclusive

Example:
    okapi-sidecar probe https://mod-users:8443 --expect mod-users \\
        --ca certs-dev --trust certs-dev/ca.crt --report probe.html
`

const OPTIONS = {
  expect: { type: 'string' },
  at: { type: 'string' },
  trust: { type: 'string' },
  credentials: { type: 'string', multiple: true },
  ca: { type: 'string' },
  descriptors: { type: 'string' },
  path: { type: 'string' },
  tenant: { type: 'string' },
  'token-file': { type: 'string' },
  harvested: { type: 'string', multiple: true },
  listen: { type: 'string' },
  ask: { type: 'string' },
  postgres: { type: 'string' },
  'postgres-server': { type: 'string' },
  role: { type: 'string' },
  database: { type: 'string' },
  kafka: { type: 'string' },
  'kafka-broker': { type: 'string' },
  env: { type: 'string' },
  ports: { type: 'string', multiple: true },
  only: { type: 'string', multiple: true },
  skip: { type: 'string', multiple: true },
  deadline: { type: 'string', default: '30s' },
  wait: { type: 'string' },
  stall: { type: 'string', default: '15s' },
  report: { type: 'string' },
  junit: { type: 'string' },
  sarif: { type: 'string' },
  json: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  'allow-writes': { type: 'boolean', default: false },
  'allow-inconclusive': { type: 'boolean', default: false },
} as const

const PARALLEL = 8
const PER_SECOND = 50
const TIMEOUT_MS = 5000

/** Parses options, runs the attacks, writes the reports; the exit code is the verdict. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv)
  if (values.list) return list(values.json)
  const backend = backendOf(values)
  const target = targetIn(backend?.target, positionals)
  const attacks = selectAttacks(words(values.only), words(values.skip)).filter(({ group }) =>
    backend === undefined ? !BACKEND_GROUPS.has(group) : group === backend.group,
  )
  const deadlineMs = durationMs('deadline', values.deadline)
  const signal = AbortSignal.timeout(deadlineMs)
  const rounds =
    backend === undefined
      ? await prepare(await given(target, values), signal)
      : [await backend.prepare(signal, TIMEOUT_MS)]
  const { wait } = values
  await requireReachable(rounds[0]!.context, wait === undefined ? 0 : durationMs('wait', wait))
  const startedAt = new Date()
  const began = performance.now()
  // Attacks without stolen credentials are tried once, not for each caller.
  const chosen = rounds.map(({ as, context }, i) => ({
    as,
    context,
    ...choose(i === 0 ? attacks : attacks.filter(needsCredentials), context),
  }))
  const controls = await Promise.all(rounds.map(({ context }) => control(context)))
  const results = await play(
    chosen.map(({ as, context, tried }) => ({ as, context, attacks: tried })),
    { parallel: PARALLEL, perSecond: PER_SECOND, onProgress: progress(values.json) },
  )
  const notTried = chosen[0]?.left ?? []
  const tookMs = Math.round(performance.now() - began)
  const report: Run = { target, startedAt, tookMs, controls, results, notTried }
  await write(report, values)
  process.stdout.write(values.json ? jsonReport(report) : textReport(report, paint))
  return exitCode(report, values['allow-inconclusive'])
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: true })
}

/** The address for the report. Throws a Fault if there is none or more than one. */
function targetIn(backend: string | undefined, [target, ...more]: readonly string[]): string {
  const one = backend ?? target
  if (one === undefined || more.length > 0 || (backend !== undefined && target !== undefined)) {
    throw fault('probe takes one TARGET', {
      hint: 'okapi-sidecar probe https://mod-users:8443, or --postgres localhost:5432',
    })
  }
  return one
}

type Values = ReturnType<typeof parse>['values']

async function given(target: string, values: Values): Promise<Given> {
  const { expect, at, trust, ca, descriptors, path, tenant } = values
  const token = tokenIn(values['token-file'])
  return {
    endpoint: dialTargetOf(target),
    atOkapi: isAtOkapi(at, expect),
    credentials: values.credentials ?? [],
    allowWrites: values['allow-writes'],
    ports: portsOf(words(values.ports)),
    timeoutMs: TIMEOUT_MS,
    stallMs: durationMs('stall', values.stall),
    ...(expect === undefined ? {} : { expect }),
    ...(trust === undefined ? {} : { trust }),
    ...(ca === undefined ? {} : { ca }),
    ...(descriptors === undefined ? {} : { descriptors }),
    ...(path === undefined ? {} : { path }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(token === undefined ? {} : { token }),
    ...harvestedOf(values.harvested),
    ...impostorOf(values),
  }
}

/** `user=FILE`, `module=FILE`, `old=FILE`; each file holds one token. */
function harvestedOf(list: readonly string[] = []): { harvested?: HarvestedTokens } {
  const kinds = list.map((word): HarvestedTokens => {
    const [, kind, file] = /^(user|module|old)=(.+)$/.exec(word) ?? []
    const token = tokenIn(file)
    if (kind !== undefined && token !== undefined) return { [kind]: token }
    throw fault(`--harvested ${word}: it takes KIND=FILE`, {
      hint: '--harvested user=token, --harvested module=token or --harvested old=token',
    })
  })
  return kinds.length === 0 ? {} : { harvested: Object.assign({}, ...kinds) }
}

/** Accepts `a,b` and repeated options. */
function words(lists: readonly string[] = []): readonly string[] {
  return lists.flatMap((text) => text.split(',')).filter((word) => word !== '')
}

function needsCredentials({ needs = [] }: { needs?: readonly string[] }): boolean {
  return needs.includes('credentials')
}

function progress(quiet: boolean): (done: number, all: number) => void {
  const { stderr } = process
  if (!stderr.isTTY || quiet) return () => undefined
  return (done, all) => stderr.write(`\r\x1b[K${done < all ? `${done} of ${all} attacks …` : ''}`)
}

async function write(report: Run, { report: html, junit, sarif }: Values): Promise<void> {
  const files = [
    [html, htmlReport],
    [junit, junitReport],
    [sarif, (one: Run) => sarifReport(one, manifest.version)],
  ] as const
  for (const [file, make] of files) {
    if (file === undefined) continue
    await writeFile(file, make(report), { mode: 0o600 }).catch((error) => {
      throw fault(`cannot write ${file} (${errorCode(error) ?? String(error)})`)
    })
  }
}

function exitCode(report: Run, allowInconclusive: boolean): number {
  const { 'got-through': through, inconclusive, blocked } = countOutcomes(report)
  if (through > 0) return 1
  if (blocked === 0) return 2
  return inconclusive > 0 && !allowInconclusive ? 2 : 0
}

function list(json: boolean): number {
  if (json) {
    process.stdout.write(`${JSON.stringify(ATTACKS.map(described), null, 2)}\n`)
    return 0
  }
  const rows = ATTACKS.map(({ group, id, title }) => [group, id, title])
  process.stdout.write(table(rows))
  return 0
}

/** One attack for `--list --json`: the keys in this order, without `run`. */
function described({ id, group, title, meaning, judged, remedy, needs = [], ...rest }: Attack) {
  const { against = null, slow = false } = rest
  return { id, group, title, meaning, judged, remedy, needs, against, slow }
}
