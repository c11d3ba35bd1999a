import { parseArgs } from 'node:util'
import { type PortRange, parsePortRange } from '../config/addresses.ts'
import { fault } from '../fault.ts'
import { loadDescriptors } from '../policy/descriptor-files.ts'
import { compare } from './discovery/findings.ts'
import {
  assignPorts,
  deployable,
  type Instance,
  KUBERNETES_PREFIX,
  targetOf,
  type WantedInstance,
  wantedFor,
} from './discovery/instances.ts'
import { type DiscoveryReport, tellReport } from './discovery/report.ts'
import { Okapi, tokenIn } from './okapi.ts'

export const usage = `okapi-sidecar discovery: what Okapi's discovery should contain

Usage:
    okapi-sidecar discovery --descriptors DIR [--okapi URL] [--credentials DIR]
                            [--modules-listen 127.0.0.1:20000-20199]
                            [--token-file FILE] [--apply] [--replace] [--verify]
                            [--json]

Okapi calls every module through its own sidecar, at http://127.0.0.1:PORT/ID.
The id selects the module. Each module has a port of its own because Okapi has
one connection pool for each port. This prints the instances that the installed
set needs. Ports are derived from the ids and the range; a port that Okapi
already uses for the module stays.

Options:
    --descriptors DIR      the installed set, as in policy.descriptors
    --okapi URL            https://okapi:8443 (its sidecar), or http:// on
                           loopback: also prints what the discovery has now
    --credentials DIR      tls.crt, tls.key, ca.crt of an operator, for https.
                           It needs a grant {profile: daily}
    --token-file FILE      X-Okapi-Token, where Okapi's supertenant is secured
    --modules-listen 127.0.0.1:20000-20199
                           egress.modules.listen of Okapi's sidecar
    --apply                register what is missing
    --replace              remove instances that lead past the sidecar; those
                           that Okapi has started itself are kept
    --verify               exit 1 when Okapi calls a module past its sidecar, or
                           not at all, or finds modules through Kubernetes
    --json                 the same as JSON

Exit codes: 0 fine, 1 --verify found a problem, 2 wrong usage or no answer

Example:
    okapi-sidecar discovery --okapi https://okapi:8443 --credentials anna \\
        --descriptors descriptors --apply --replace --verify
`

/** Shows, registers, verifies, in this order, as the options require. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      okapi: { type: 'string' },
      descriptors: { type: 'string' },
      credentials: { type: 'string' },
      'token-file': { type: 'string' },
      'modules-listen': { type: 'string', default: '127.0.0.1:20000-20199' },
      apply: { type: 'boolean', default: false },
      replace: { type: 'boolean', default: false },
      verify: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const { okapi: url, apply, replace, verify, json } = values
  if (values.descriptors === undefined) throw fault('--descriptors DIR is missing')
  if (url === undefined && (apply || replace || verify)) {
    throw fault('--apply, --replace and --verify need --okapi URL')
  }
  if (replace && !apply) throw fault('--replace goes with --apply')
  const range = rangeOf(values['modules-listen'])
  const ids = deployable(loadDescriptors(values.descriptors).set)
  if (url === undefined) {
    const report: DiscoveryReport = {
      ...compare(wantedSet(ids, range, []), [], range),
      asked: false,
      done: [],
    }
    tellReport(report, json)
    return 0
  }
  const okapi = await Okapi.at(url, values.credentials, tokenIn(values['token-file']))
  try {
    const report = await meet(okapi, ids, range, { apply, replace })
    tellReport(report, json)
    return verify && report.findings.length > 0 ? 1 : 0
  } finally {
    await okapi.close()
  }
}

async function meet(
  okapi: Okapi,
  ids: readonly string[],
  range: PortRange,
  { apply, replace }: { apply: boolean; replace: boolean },
): Promise<DiscoveryReport> {
  const before = await okapi.instances()
  const wanted = wantedSet(ids, range, before)
  if (!apply) return { ...compare(wanted, before, range), asked: true, done: [] }
  const done: string[] = []
  // The new ones first: Okapi picks any instance, and there must always be one.
  for (const each of wanted.filter((one) => !isRegistered(one, before))) {
    await okapi.add(each)
    done.push(`registered ${each.instId} at ${each.url}`)
  }
  for (const stray of replace ? strays(wanted, before, range) : []) {
    await okapi.remove(stray)
    done.push(`took out ${stray.instId} at ${stray.url}`)
  }
  return { ...compare(wanted, await okapi.instances(), range), asked: true, done }
}

/** What is registered for a module under any of its names, if it leads through the sidecar. */
function isRegistered({ srvcId, url }: WantedInstance, before: readonly Instance[]): boolean {
  return before.some((instance) => instance.srvcId === srvcId && instance.url === url)
}

/**
 * The findings that a registration can fix. Instances that Okapi has started itself, or has from
 * Kubernetes, depend on Okapi's own settings.
 */
function strays(wanted: readonly WantedInstance[], before: readonly Instance[], range: PortRange) {
  const urls = new Set(wanted.map(({ url }) => url))
  const { findings } = compare(wanted, before, range)
  const mendable = new Set(['past-the-sidecar', 'names-another-module', 'shares-a-port'])
  return before.filter(({ srvcId, instId, url, nodeId }) => {
    const found = findings.some(
      (one) => one.srvcId === srvcId && one.instId === instId && mendable.has(one.kind),
    )
    return found && nodeId === null && !urls.has(url) && !instId.startsWith(KUBERNETES_PREFIX)
  })
}

function wantedSet(
  ids: readonly string[],
  range: PortRange,
  before: readonly Instance[],
): WantedInstance[] {
  const taken = new Map<string, number>()
  for (const { srvcId, url } of before) {
    const way = targetOf(url, range)
    if (way.to === 'sidecar' && way.id === srvcId && !taken.has(srvcId)) taken.set(srvcId, way.port)
  }
  const ports = assignPorts(ids, range, taken)
  return ids.map((id) => wantedFor(id, range.host, ports.get(id)!))
}

function rangeOf(text: string): PortRange {
  const parsed = parsePortRange(text)
  if ('wrong' in parsed) throw fault(`--modules-listen ${text} ${parsed.wrong}`)
  if (parsed.value.from === 0) throw fault('--modules-listen must name its ports')
  return parsed.value
}
