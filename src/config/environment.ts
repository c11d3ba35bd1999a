import { nearest } from '../fault/nearest.ts'
import type { Problem } from '../fault.ts'
import { visible } from './issues.ts'
import type { Key } from './keys.ts'

/** One value that the environment sets. */
export interface Setting {
  readonly path: readonly string[]
  readonly value: unknown
  /** The variable, or the two of a module's name. */
  readonly variable: string
}

/** Names that FOLIO's other sidecars use; the project's own names win over them. */
const ALIASES: readonly { readonly variable: string; readonly path: readonly string[] }[] = [
  { variable: 'MODULE_URL', path: ['ingress', 'forward'] },
  { variable: 'SIDECAR_URL', path: ['egress', 'url'] },
  { variable: 'MODULE_HEALTH_PATH', path: ['admin', 'healthPath'] },
]

/**
 * What the environment sets. White space around a value does not count: a secret made with `echo`
 * ends with a line feed, and no value of ours begins or ends with white space. An empty variable sets
 * nothing (charts render absent values so), an unknown `SIDECAR_*` is a warning: Kubernetes invents
 * them for every Service (`enableServiceLinks`).
 */
export function readEnvironment(
  env: NodeJS.ProcessEnv,
  keys: readonly Key[],
): {
  settings: readonly Setting[]
  problems: readonly Problem[]
} {
  const problems: Problem[] = []
  const settings = [...aliases(env, problems)]
  const byName = new Map(keys.map((key) => [key.variable, key]))
  const names = Object.keys(env).filter((name) => name.startsWith('SIDECAR_'))
  for (const name of names.sort()) {
    const text = trimmed(env, name)
    const key = byName.get(name)
    if (key !== undefined && text !== '') settings.push(...set(key, text, problems))
    else if (key !== undefined) problems.push(warning(name, 'is empty and sets nothing'))
    else if (name !== 'SIDECAR_URL' && !isServiceLink(name, text)) {
      problems.push(unknown(name, [...byName.keys()]))
    }
  }
  return { settings, problems }
}

function* aliases(env: NodeJS.ProcessEnv, problems: Problem[]): Generator<Setting> {
  const [name, version] = [trimmed(env, 'MODULE_NAME'), trimmed(env, 'MODULE_VERSION')]
  if (name !== '' && version !== '') {
    const variable = 'MODULE_NAME, MODULE_VERSION'
    yield { path: ['module'], value: `${name}-${version}`, variable }
  } else if (name !== version) {
    const [given, other] =
      name === '' ? ['MODULE_VERSION', 'MODULE_NAME'] : ['MODULE_NAME', 'MODULE_VERSION']
    problems.push(warning(given, `sets nothing without ${other}`))
  }
  for (const { variable, path } of ALIASES) {
    const value = trimmed(env, variable)
    if (value !== '') yield { path, value, variable }
  }
}

function set({ path, variable, takes }: Key, text: string, problems: Problem[]): Setting[] {
  const asJson = takes === 'json' || (takes === 'text or json' && /^[[{]/.test(text))
  if (!asJson) return [{ path, variable, value: text }]
  try {
    return [{ path, variable, value: JSON.parse(text) }]
  } catch {
    problems.push({
      severity: 'error',
      message: `\`${path.join('.')}\` must be a number, true, false or JSON here; it is "${visible(text)}"`,
      where: { file: variable },
    })
    return []
  }
}

/** `trim` takes a byte order mark off too (ECMA-262 section 22.1.3.32.1). */
function trimmed(env: NodeJS.ProcessEnv, name: string): string {
  return (env[name] ?? '').trim()
}

/** `SIDECAR_PORT=tcp://10.0.0.1:8443`, `SIDECAR_SERVICE_HOST`, `SIDECAR_PORT_8443_TCP_ADDR`. */
function isServiceLink(name: string, value: string): boolean {
  return /_SERVICE_|_PORT(?:_|$)/.test(name) || /^(?:tcp|udp|sctp):\/\//.test(value)
}

function unknown(name: string, known: readonly string[]): Problem {
  // The name of a section: its keys are set one by one.
  const near = known.find((one) => one.startsWith(`${name}_`)) ?? nearest(name, known)
  const hint = near === undefined ? {} : { hint: `did you mean ${near}?` }
  return { ...warning(name, 'is not a setting of the sidecar'), ...hint }
}

function warning(variable: string, message: string): Problem {
  return { severity: 'warning', message: `the variable ${variable} ${message}` }
}
