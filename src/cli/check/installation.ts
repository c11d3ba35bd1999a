import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { formatListen } from '../../config/addresses.ts'
import type { Config } from '../../config/config.ts'
import { readGrants } from '../../config/grants.ts'
import { readText } from '../../fault/text-file.ts'
import { errorCode, Fault, fault, type Problem } from '../../fault.ts'
import { isOkapi } from '../../folio/module-id.ts'
import { spanText } from '../../observe/status/words.ts'
import { KNOWN_GRANTS_FILE, loadDescriptors } from '../../policy/descriptor-files.ts'
import { loadPolicy, type PolicyRules } from '../../policy/load-policy.ts'
import { deployable, targetOf } from '../discovery/instances.ts'
import { progress, table, tell } from '../terminal.ts'
import { distinctProblems, type Findings, findingsOf } from './findings.ts'

interface Checked extends Findings {
  /** From the folder. */
  readonly file: string
}

/** Checks every configuration in a folder of `init`, and whether they fit together. Resolves to 0 or 2. */
export async function checkInstallation(folder: string, json: boolean): Promise<number> {
  const files = configurationsIn(folder)
  if (files.length === 0 && isFolder(join(folder, 'values'))) return checkValues(folder, json)
  if (files.length === 0) {
    throw fault(`${folder} holds no configuration`, {
      hint: 'sidecars/*.yaml or */sidecar.yaml, as okapi-sidecar init writes them; for a chart: helm template',
    })
  }
  const checked: Checked[] = []
  // Variables for one sidecar must not override the files of all.
  for (const [i, file] of files.entries()) {
    progress(`${i + 1}/${files.length} ${file}`)
    checked.push({ file, ...(await findingsOf(join(folder, file), {})) })
  }
  progress('')
  const problems = [...merged(checked), ...together(folder, checked)]
  const failed = problems.some(({ severity }) => severity === 'error')
  if (json) {
    const sidecars = checked.map(({ file, loaded, credentials, policy }) => ({
      ...{ file, module: loaded?.config.module.id ?? null },
      ...{ credentials: credentials?.told ?? null, policy: policy?.told ?? null },
    }))
    const told = problems.map(({ where, ...problem }) => ({ ...problem, ...where }))
    const document = { ok: !failed, sidecars, problems: told }
    process.stdout.write(`${JSON.stringify(document, null, 2)}\n`)
    return failed ? 2 : 0
  }
  process.stdout.write(
    table([['SIDECAR', 'CERTIFICATE', 'MODULES', 'GRANTS', ''], ...checked.map(rowOf)]),
  )
  tell(problems)
  const errors = problems.filter(({ severity }) => severity === 'error').length
  const warnings = problems.length - errors
  const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`
  const sidecars = count(checked.length, 'sidecar')
  if (failed) {
    process.stderr.write(`\n${count(errors, 'error')}, ${count(warnings, 'warning')}\n`)
    return 2
  }
  const so = warnings > 0 ? `, with ${count(warnings, 'warning')}` : ''
  process.stdout.write(`\n${sidecars}: fine${so}.\n`)
  return 0
}

/** For a chart: the configurations follow from its values, and certificates are in the cluster. */
function checkValues(folder: string, json: boolean): number {
  const known = readGrants({ inline: [], files: [KNOWN_GRANTS_FILE] })
  const grants = readGrants({ inline: [], files: [join(folder, 'grants.yaml')] })
  const names = readdirSync(join(folder, 'values')).filter((name) => name.endsWith('.yaml'))
  const problems: Problem[] = []
  for (const name of names.sort()) {
    const file = join(folder, 'values', name)
    const id = name.slice(0, -'.yaml'.length)
    try {
      const { config = {} } = parse(readText(file)) as {
        config?: { policy?: Partial<PolicyRules> }
      }
      const { warnings } = loadPolicy(
        {
          ...NO_RULES,
          ...config.policy,
          grants,
          known,
          descriptors: join(folder, 'policy', `${id}.json`),
        },
        { own: id },
      )
      problems.push(...warnings)
    } catch (failure) {
      if (!(failure instanceof Fault)) throw failure
      problems.push(...failure.problems.map((problem) => ({ where: { file }, ...problem })))
    }
  }
  const found = distinctProblems(problems)
  const failed = found.some(({ severity }) => severity === 'error')
  if (json) process.stdout.write(`${JSON.stringify({ ok: !failed, problems: found }, null, 2)}\n`)
  else {
    tell(found)
    const fine = `${names.length} policies: fine. The rest is the chart's: helm template\n`
    if (!failed) process.stdout.write(fine)
  }
  return failed ? 2 : 0
}

const NO_RULES = {
  ...{ mode: 'enforce' as const, report: [], knownGrants: [], quarantine: [], pathExceptions: [] },
  sensitivity: {},
}

function rowOf({ file, loaded, credentials, policy, problems }: Checked): string[] {
  const errors = problems.filter(({ severity }) => severity === 'error').length
  return [
    loaded?.config.module.id ?? file,
    credentials === undefined ? 'not usable' : left(credentials.told.notAfter),
    policy === undefined ? 'not usable' : String(policy.told.modules),
    policy === undefined ? '' : `${policy.told.grants} + ${policy.told.knownGrants} known`,
    errors === 0 ? 'fine' : `${errors} wrong`,
  ]
}

/** Days would be too coarse for a certificate that is valid for a day. */
function left(notAfter: string): string {
  return spanText(Math.max(0, Date.parse(notAfter) - Date.now()))
}

/** Equal problems of several sidecars are reported once. */
function merged(checked: readonly Checked[]): readonly Problem[] {
  const all = checked.flatMap(({ file, problems }) =>
    problems.map((problem) => ({ file, problem })),
  )
  const alike = Map.groupBy(all, ({ problem: { severity, message } }) => `${severity} ${message}`)
  return [...alike.values()].map((group) => {
    const { problem } = group[0]!
    const others = new Set(group.map(({ file }) => file)).size - 1
    if (others === 0) return problem
    return { ...problem, message: `${problem.message} (and for ${others} more)` }
  })
}

/** Problems that show only in all configurations together. */
function together(folder: string, checked: readonly Checked[]): readonly Problem[] {
  const error = (message: string, hint?: string): Problem => ({
    ...{ severity: 'error', message, where: { file: folder } },
    ...(hint === undefined ? {} : { hint }),
  })
  const configs = checked.flatMap(({ loaded }) => loaded?.config ?? [])
  const problems: Problem[] = []
  const okapis = configs.filter(({ module }) => isOkapi(module.id))
  if (okapis.length !== 1)
    problems.push(error(`${okapis.length} sidecars are beside Okapi: there must be one`))
  const domains = [...new Set(configs.map(({ trustDomain }) => trustDomain))]
  if (domains.length > 1) problems.push(error(`several trust domains: ${domains.join(', ')}`))
  problems.push(...sharedAddresses(configs).map((message) => error(message)))
  const callees = deployableIn(folder)
  if (callees instanceof Fault) problems.push(...callees.problems)
  else {
    const served = configs.filter(({ ingress }) => ingress !== undefined)
    const without = callees.filter((id) => !served.some(({ module }) => module.id === id))
    if (without.length > 0) {
      problems.push(error(`no sidecar for ${without.join(', ')}`, 'okapi-sidecar init writes them'))
    }
    const hint = 'okapi-sidecar init writes it; where a module is gone, take its files away'
    const astray = discoveryProblems(folder, callees, okapis[0])
    problems.push(...astray.map((message) => error(message, hint)))
  }
  return problems
}

/** The modules that Okapi calls, or why they are not known. */
function deployableIn(folder: string): readonly string[] | Fault {
  try {
    return deployable(loadDescriptors(join(folder, 'descriptors')).set)
  } catch (failure) {
    if (failure instanceof Fault) return failure
    throw failure
  }
}

/** On one machine two listeners cannot have the same address; in containers they can. */
function sharedAddresses(configs: readonly Config[]): readonly string[] {
  const loopback = configs.flatMap(({ module, ingress, egress, admin }) =>
    [ingress?.listen, egress?.listen, admin.listen].flatMap((listen) =>
      listen === undefined || 'path' in listen || listen.port === 0
        ? []
        : [{ id: module.id, address: formatListen(listen) }],
    ),
  )
  // If every sidecar has its own network, all of them listen on 0.0.0.0:8443.
  const outside = loopback.some(({ address }) => address.startsWith('0.0.0.0:8443'))
  if (outside) return []
  return [...Map.groupBy(loopback, ({ address }) => address)]
    .filter(([, users]) => users.length > 1)
    .map(([address, users]) => `${users.map(({ id }) => id).join(' and ')} listen at ${address}`)
}

function discoveryProblems(
  folder: string,
  callees: readonly string[],
  okapi: Config | undefined,
): readonly string[] {
  const range = okapi?.modules?.listen
  if (range === undefined) return []
  const entries = entriesIn(folder)
  if (entries === undefined) return ['discovery.json is missing, or is not a list of instances']
  const missing = callees.filter((id) => !entries.some(({ srvcId }) => srvcId === id))
  const astray = entries.filter(({ srvcId, url }) => {
    const way = targetOf(url, range)
    return way.to !== 'sidecar' || way.id !== srvcId
  })
  return [
    ...(missing.length > 0 ? [`discovery.json lacks ${missing.join(', ')}`] : []),
    ...astray.map(({ srvcId, url }) => `discovery.json: ${url} does not lead to ${srvcId}`),
  ]
}

function entriesIn(folder: string): readonly { srvcId: string; url: string }[] | undefined {
  try {
    const list: unknown = JSON.parse(readText(join(folder, 'discovery.json')))
    return Array.isArray(list) ? list.map(({ srvcId, url }) => ({ srvcId, url })) : undefined
  } catch (failure) {
    if (failure instanceof SyntaxError || errorCode(failure) !== undefined) return undefined
    throw failure
  }
}

/** `sidecars/*.yaml`, and `NAME/sidecar.yaml` for systemd's unit. */
function configurationsIn(folder: string): readonly string[] {
  const within = (name: string) => {
    try {
      return readdirSync(join(folder, name)).sort()
    } catch (failure) {
      const code = errorCode(failure)
      if (code === 'ENOENT' || code === 'ENOTDIR') return []
      throw failure
    }
  }
  if (!isFolder(folder))
    throw fault(`${folder} is no folder`, { hint: 'check -c FILE for one file' })
  const flat = within('sidecars').filter((name) => name.endsWith('.yaml'))
  const own = within('.').filter((name) => within(name).includes('sidecar.yaml'))
  return [...flat.map((name) => `sidecars/${name}`), ...own.map((name) => `${name}/sidecar.yaml`)]
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
