import { readFileSync } from 'node:fs'
import { errorCode, Fault, fault, type Problem } from '../fault.ts'
import { type Config, complete } from './config.ts'
import { readDocument } from './document.ts'
import { readEnvironment } from './environment.ts'
import { credentialsOfOthers, writableByOthers } from './guard.ts'
import { flaws, type Lore } from './issues.ts'
import { KEYS, keysOf } from './keys.ts'
import { type Origin, Places, type Source } from './places.ts'
import { crossCheck, roleDefaults } from './rules.ts'
import { File } from './schema.ts'
import { get, isSection, put, type Raw } from './tree.ts'

/** A key with the value that holds, as it would be written in the file. */
export interface Effective {
  /** `egress.gatewayModule`. */
  readonly key: string
  readonly value: unknown
  readonly origin: Origin
}

/** A configuration that holds, and what a person should know about it. */
export interface Loaded {
  readonly config: Config
  /** Warnings only; an error throws. */
  readonly problems: readonly Problem[]
  /** Every key that has a value, in the order of the schema. */
  readonly origins: readonly Effective[]
}

/** What is read where no file is named, if it exists. */
export const DEFAULT_FILE = 'sidecar.yaml'

/**
 * Reads file and environment (which wins) into one value. `file` undefined: `sidecar.yaml` here, or
 * none where the environment says all. Throws a Fault with every problem at once, each with its
 * place.
 */
export function loadConfig(file: string | undefined, env: NodeJS.ProcessEnv): Loaded {
  const document = open(file)
  const { settings, problems: ofEnvironment } = readEnvironment(env)
  const problems = [...document.problems, ...ofEnvironment]
  if (document.problems.some(({ severity }) => severity === 'error')) throw new Fault(problems)
  if (!isSection(document.value)) {
    const where = document.at([])
    throw fault('the configuration must be a section of keys', { where })
  }
  const places = new Places(document, settings)
  const given = structuredClone(document.value)
  for (const { path, value } of settings) put(given, path, value)
  const preset = roleDefaults(given).filter(({ path }) => get(given, path) === undefined)
  const raw = structuredClone(given)
  for (const { path, value } of preset) put(raw, path, value)

  const parsed = File.safeParse(raw)
  const { errors, warnings } = crossCheck(raw)
  problems.push(...warnings.map((flaw) => places.problem('warning', flaw)))
  const wrong = parsed.success ? errors : [...flaws(parsed.error.issues, lore), ...errors]
  problems.push(...wrong.map((flaw) => places.problem('error', flaw)))
  if (file !== undefined || document.file !== undefined) {
    problems.push(...writableByOthers(document.file ?? DEFAULT_FILE))
  }
  if (!parsed.success) throw new Fault(inOrder(problems))
  const config = complete(parsed.data, (path, key) => places.absolute(path, key.split('.')))
  problems.push(...guards(config))
  if (problems.some(({ severity }) => severity === 'error')) throw new Fault(inOrder(problems))
  return { config, problems, origins: effective(raw, given, places) }
}

function open(named: string | undefined): Source {
  const file = named ?? DEFAULT_FILE
  try {
    return { ...readDocument(readFileSync(file, 'utf8'), file), file }
  } catch (error) {
    const code = errorCode(error)
    if (named === undefined && code === 'ENOENT') {
      return {
        ...readDocument('{}', 'environment'),
        at: () => ({}),
        atKey: () => ({}),
        file: undefined,
      }
    }
    if (code === undefined) throw error
    throw fault(`cannot read the configuration (${code})`, {
      where: { file },
      hint: 'name it with -c FILE, or set everything by SIDECAR_* variables',
    })
  }
}

function guards(config: Config): Problem[] {
  return [
    ...credentialsOfOthers(config.credentials.directory),
    ...(config.public === undefined
      ? []
      : credentialsOfOthers(config.public.credentials.directory)),
    ...writableByOthers(config.policy.descriptors),
    ...config.policy.grants.files.flatMap(writableByOthers),
  ]
}

function effective(raw: Raw, given: Raw, places: Places): Effective[] {
  return KEYS.flatMap(({ path, byDefault, within }) => {
    if (get(raw, within) === undefined) return []
    const value = get(raw, path) ?? byDefault
    if (value === undefined) return []
    return [{ key: path.join('.'), value, origin: places.origin(path, given) }]
  })
}

/** What the flaws of a key say beside themselves. */
const lore: Lore = {
  keysOf,
  hintFor(path) {
    const key = KEYS.find((known) => known.path.join('.') === path.map(String).join('.'))
    if (typeof key?.byDefault === 'string') return `for example ${key.byDefault}`
    return key?.description
  },
}

/** In the order of the file; what the environment says has no line and stands at the end. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const place = ({ where }: Problem) =>
    where?.line === undefined ? Number.MAX_SAFE_INTEGER : where.line * 1e5 + (where.column ?? 0)
  return problems.toSorted((a, b) => place(a) - place(b))
}
