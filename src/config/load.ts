import { folderWritableByOthers, writableByOthers } from '../fault/guard.ts'
import { readText } from '../fault/text-file.ts'
import { errorCode, Fault, fault, type Problem } from '../fault.ts'
import { auditWarnings } from './audit.ts'
import { clashes } from './clashes.ts'
import { type Config, complete } from './config.ts'
import { get, isSection, type Raw, readDocument, withValue } from './document.ts'
import { readEnvironment } from './environment.ts'
import { flaws, type SchemaHints } from './issues.ts'
import { type Key, keysIn, keysOf } from './keys.ts'
import { limitFlaws } from './limit-rules.ts'
import { DEFAULT_FILE, type Origin, Places, type Source } from './places.ts'
import { crossCheck, roleDefaults } from './rules.ts'
import { type FileSchema, fileSchema } from './schema.ts'

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
  /** Those that are errors for `check`: dates that have passed since they were written. */
  readonly overdue: readonly Problem[]
  /** Every key that has a value, in the order of the schema. */
  readonly origins: readonly Effective[]
}

const FOLDER = 'this is a folder; one that init has written is checked by: okapi-sidecar check DIR'
const NAME_IT = 'name it with -c FILE, or set everything by SIDECAR_* variables'
const NOTHING_GIVEN: Problem = {
  severity: 'error',
  message: `there is no configuration: no ${DEFAULT_FILE} in this folder`,
  hint: NAME_IT,
}

/**
 * Reads file and environment (which wins) into one value. `file` undefined: `sidecar.yaml` here, or
 * none where the environment says all. Throws a Fault with every problem at once, each with its
 * place.
 */
export function loadConfig(file: string | undefined, env: NodeJS.ProcessEnv): Loaded {
  const document = open(file)
  const schema = fileSchema()
  const keys = keysIn(schema)
  const { settings, problems: ofEnvironment } = readEnvironment(env, keys)
  const problems = [...document.problems, ...ofEnvironment]
  if (document.problems.some(({ severity }) => severity === 'error')) throw new Fault(problems)
  if (!isSection(document.value)) {
    const where = document.at([])
    throw fault('the configuration must be a section of keys', { where })
  }
  if (document.file === undefined && settings.length === 0) {
    throw new Fault([...problems, NOTHING_GIVEN])
  }
  const places = new Places(document, settings)
  const given = settings.reduce<Raw>(set, document.value)
  const preset = roleDefaults(given).filter(({ path }) => get(given, path) === undefined)
  const raw = preset.reduce<Raw>(set, given)

  const parsed = schema.safeParse(raw, { reportInput: true })
  const { errors, warnings, overdue: runOut } = crossCheck(raw, Date.now())
  const overdue = runOut.map((flaw) => places.problem('warning', flaw))
  problems.push(...warnings.map((flaw) => places.problem('warning', flaw)), ...overdue)
  const wrong = parsed.success
    ? errors
    : [...flaws(parsed.error.issues, schemaHintsOf(schema, keys)), ...errors]
  problems.push(...wrong.map((flaw) => places.problem('error', flaw)))
  if (document.file !== undefined) problems.push(...writableByOthers(document.file))
  if (!parsed.success) throw new Fault(inOrder(problems))
  const config = complete(parsed.data, places)
  const written = (key: string) => get(given, ['limits', key]) !== undefined
  problems.push(...limitFlaws(config, written).map((flaw) => places.problem('warning', flaw)))
  problems.push(...clashes(config).map((flaw) => places.problem('error', flaw)))
  problems.push(...guards(config))
  if (problems.some(({ severity }) => severity === 'error')) throw new Fault(inOrder(problems))
  const origins = effective(keys, raw, given, places)
  return { config, problems, overdue, origins }
}

function set(tree: Raw, { path, value }: { path: readonly string[]; value: unknown }): Raw {
  return withValue(tree, path, value)
}

function open(named: string | undefined): Source {
  const file = named ?? DEFAULT_FILE
  try {
    return { ...readDocument(readText(file), file), file }
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
      ...(code === 'ENOENT' && { hint: NAME_IT }),
      ...(code === 'EISDIR' && { hint: FOLDER }),
    })
  }
}

function guards(config: Config): Problem[] {
  const { credentials, public: publicListener, policy, kafka, audit } = config
  return [
    ...(credentials.spiffe === undefined ? folderWritableByOthers(credentials.directory) : []),
    ...(publicListener === undefined
      ? []
      : folderWritableByOthers(publicListener.credentials.directory)),
    ...config.postgres.flatMap(({ trust }) => (trust === undefined ? [] : writableByOthers(trust))),
    ...(kafka?.trust === undefined ? [] : writableByOthers(kafka.trust)),
    ...(kafka?.rules.files ?? []).flatMap(writableByOthers),
    ...writableByOthers(policy.descriptors),
    ...policy.grants.files.flatMap(writableByOthers),
    ...(audit === undefined ? [] : auditWarnings(audit)),
  ]
}

function effective(keys: readonly Key[], raw: Raw, given: Raw, places: Places): Effective[] {
  return keys.flatMap(({ path, byDefault, within }) => {
    if (get(raw, within) === undefined) return []
    const value = get(raw, path) ?? byDefault
    if (value === undefined) return []
    return [{ key: path.join('.'), value, origin: places.origin(path, given) }]
  })
}

/** What the flaws of a key say beside themselves. */
function schemaHintsOf(schema: FileSchema, keys: readonly Key[]): SchemaHints {
  return {
    keysOf: (path) => keysOf(schema, path),
    hintFor(path) {
      const key = keys.find((known) => known.path.join('.') === path.map(String).join('.'))
      if (typeof key?.byDefault === 'string') return `for example ${key.byDefault}`
      return key?.description
    },
  }
}

/** In the order of the file; values from the environment have no line and come last. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const place = ({ where }: Problem) =>
    where?.line === undefined ? Number.MAX_SAFE_INTEGER : where.line * 1e5 + (where.column ?? 0)
  return problems.toSorted((a, b) => place(a) - place(b))
}
