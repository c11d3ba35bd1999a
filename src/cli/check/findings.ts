import { located } from '../../config/document.ts'
import { type Loaded, loadConfig } from '../../config/load.ts'
import { readAuthorities } from '../../credentials/trust-file.ts'
import { Fault, type Problem, type Where } from '../../fault.ts'
import { memoryProblems, workerProblems } from '../../sidecar/machine.ts'
import { type CredentialsFound, checkCredentials, checkPublic } from './credentials.ts'
import { checkPolicy, type PolicyFound } from './policy.ts'

/** The findings on each part of a configuration, as far as it can be read. */
export interface Findings {
  readonly loaded: Loaded | undefined
  readonly credentials: CredentialsFound | undefined
  readonly policy: PolicyFound | undefined
  readonly problems: readonly Problem[]
}

/** Everything about one configuration. `environment`: the variables that override the file. */
export async function findingsOf(
  file: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<Findings> {
  const problems: Problem[] = []
  const loaded = await attempt(problems, () => loadConfig(file, environment))
  if (loaded === undefined) {
    return { loaded, credentials: undefined, policy: undefined, problems }
  }
  const { config } = loaded
  const { overdue } = loaded
  for (const problem of loaded.problems) {
    problems.push(overdue.includes(problem) ? { ...problem, severity: 'error' } : problem)
  }
  const { public: publicListener } = config
  const about = (key: string) => placeOf(loaded, key)
  const source = config.credentials.spiffe === undefined ? 'directory' : 'spiffe.socket'
  const credentials = await attempt(
    problems,
    () => checkCredentials(config),
    about(`credentials.${source}`),
  )
  if (publicListener !== undefined) {
    const place = about('public.credentials.directory')
    await attempt(problems, () => checkPublic(publicListener), place)
  }
  for (const { trust } of [...config.postgres, ...(config.kafka ? [config.kafka] : [])]) {
    if (trust !== undefined) await attempt(problems, () => readAuthorities(trust, Date.now()))
  }
  const policy = await attempt(problems, () => checkPolicy(loaded), about('policy.descriptors'))
  problems.push(...(credentials?.problems ?? []), ...(policy?.problems ?? []))
  problems.push(...ofMachine(loaded))
  return { loaded, credentials, policy, problems: distinctProblems(located(problems)) }
}

/** Two listeners may read the same file: its first problem is enough. */
export function distinctProblems(problems: readonly Problem[]): readonly Problem[] {
  const same = Map.groupBy(problems, ({ severity, message, where }) =>
    JSON.stringify([severity, message, where]),
  )
  return [...same.values()].map(([first]) => first!)
}

/** Warnings about `workers` and `limits` on this machine, if they were set. */
function ofMachine({ config, origins }: Loaded): Problem[] {
  const { limits } = config
  const found: readonly (readonly [string, Problem[]])[] = [
    ['workers', workerProblems(config)],
    ['limits.bufferedBytes', memoryProblems(limits.bufferedBytes)],
  ]
  return found.flatMap(([name, problems]) => {
    const where = placeOf({ origins }, name) ?? { file: 'default' }
    return problems.map((problem) => ({ ...problem, where }))
  })
}

/** Where a key was set; undefined for a default. */
function placeOf({ origins }: Pick<Loaded, 'origins'>, name: string): Where | undefined {
  const origin = origins.find(({ key }) => key === name)?.origin
  if (origin?.kind === 'file') return origin.where
  return origin?.kind === 'environment' ? { file: origin.variable } : undefined
}

/** The result of `read`, or undefined and its problems are kept; `place` is for problems without a location. */
async function attempt<T>(
  problems: Problem[],
  read: () => T | Promise<T>,
  place?: Where,
): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    for (const problem of error.problems) {
      // Two keys may name the same missing folder: it is reported once.
      const told = ({ message }: Problem) => message === problem.message
      if (problem.where !== undefined) problems.push(problem)
      else if (!problems.some(told)) problems.push({ ...problem, ...(place && { where: place }) })
    }
    return undefined
  }
}
