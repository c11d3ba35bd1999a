import { located } from '../../config/document.ts'
import { type Loaded, loadConfig } from '../../config/load.ts'
import { readAuthorities } from '../../credentials/trust-file.ts'
import { Fault, type Problem } from '../../fault.ts'
import { memoryProblems, workerProblems } from '../../sidecar/machine.ts'
import { type CredentialsFound, checkCredentials, checkPublic } from './credentials.ts'
import { checkPolicy, type PolicyFound } from './policy.ts'

/** What is found, each room as far as it can be read. */
export interface Findings {
  readonly loaded: Loaded | undefined
  readonly credentials: CredentialsFound | undefined
  readonly policy: PolicyFound | undefined
  readonly problems: readonly Problem[]
}

/** All that is to be known of one configuration. `environment`: the variables that win over the file. */
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
  const credentials = await attempt(problems, () => checkCredentials(config))
  const { public: publicListener } = config
  if (publicListener !== undefined) await attempt(problems, () => checkPublic(publicListener))
  for (const { trust } of [...config.postgres, ...(config.kafka ? [config.kafka] : [])]) {
    if (trust !== undefined) await attempt(problems, () => readAuthorities(trust, Date.now()))
  }
  const policy = await attempt(problems, () => checkPolicy(loaded))
  problems.push(...(credentials?.problems ?? []), ...(policy?.problems ?? []))
  problems.push(...ofMachine(loaded))
  return { loaded, credentials, policy, problems: distinctProblems(located(problems)) }
}

/** Two listeners may read the same file: the first problem with it is enough. */
export function distinctProblems(problems: readonly Problem[]): readonly Problem[] {
  const same = Map.groupBy(problems, ({ severity, message, where }) =>
    JSON.stringify([severity, message, where]),
  )
  return [...same.values()].map(([first]) => first!)
}

/** What a person should know of `workers` and `limits` on this machine, where they were set. */
function ofMachine({ config, origins }: Loaded): Problem[] {
  const { limits } = config
  const found: readonly (readonly [string, Problem[]])[] = [
    ['workers', workerProblems(config)],
    ['limits.bufferedBytes', memoryProblems(limits.bufferedBytes)],
  ]
  return found.flatMap(([name, problems]) => {
    const origin = origins.find(({ key }) => key === name)?.origin
    const where =
      origin?.kind === 'file'
        ? origin.where
        : { file: origin?.kind === 'environment' ? origin.variable : 'default' }
    return problems.map((problem) => ({ ...problem, where }))
  })
}

/** What `read` gives, or undefined with its problems kept. */
async function attempt<T>(problems: Problem[], read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    problems.push(...error.problems)
    return undefined
  }
}
