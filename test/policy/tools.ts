import { readdirSync, readFileSync } from 'node:fs'
import type { Problem } from '../../src/fault.ts'
import { parseCaller } from '../../src/policy/caller.ts'
import { compilePolicy, type PolicySource } from '../../src/policy/compiled-policy.ts'
import type { Decision } from '../../src/policy/decision.ts'
import { type DescriptorSet, installDescriptors } from '../../src/policy/descriptors.ts'
import type { Policy } from '../../src/policy/policy.ts'
import { ruleSources } from '../../src/policy/rule-source.ts'

/** The rules of a policy, as plain values. */
export interface Rules extends Omit<PolicySource, 'descriptors' | Listed> {
  readonly grants?: readonly object[]
  readonly known?: readonly object[]
  readonly quarantine?: readonly object[]
  readonly pathExceptions?: readonly object[]
}

type Listed = 'grants' | 'known' | 'quarantine' | 'pathExceptions'

const FIXTURES = new URL('../fixtures/descriptors/', import.meta.url)

/** The descriptors that were written for the tests. */
export const FIXTURE_VALUES: readonly unknown[] = readdirSync(FIXTURES)
  .sort()
  .map((name) => JSON.parse(readFileSync(new URL(name, FIXTURES), 'utf8')))

/** Installs plain descriptors; throws where there is an error. */
export function installed(values: readonly unknown[] = FIXTURE_VALUES): DescriptorSet {
  const files = values.map((value, i) => {
    const id = (value as { id?: unknown } | null)?.id
    const file = typeof id === 'string' ? `${id}.json` : `${i}.json`
    return { file, path: file, value }
  })
  const { set, problems } = installDescriptors(files)
  if (set === undefined) throw new Error(problems.map(({ message }) => message).join('; '))
  return set
}

/** Compiles, and hands back whatever was found. */
export function compiled(rules: Rules = {}, values?: readonly unknown[]) {
  const list = (name: Listed) =>
    rules[name] === undefined ? {} : { [name]: ruleSources(rules[name], 'test.yaml', `/${name}`) }
  return compilePolicy({
    ...rules,
    descriptors: installed(values),
    ...list('grants'),
    ...list('known'),
    ...list('quarantine'),
    ...list('pathExceptions'),
  } as PolicySource)
}

/** Compiles what has no error. */
export function policyOf(rules: Rules = {}, values?: readonly unknown[]): Policy {
  const { policy, problems } = compiled(rules, values)
  if (policy === undefined) throw new Error(problems.map(({ message }) => message).join('; '))
  return policy
}

/** What was found, as `severity pointer: message`. */
export function findings(problems: readonly Problem[]): string[] {
  return problems.map(
    ({ severity, message, where }) => `${severity} ${where?.pointer ?? ''}: ${message}`,
  )
}

interface Question {
  readonly caller: string
  readonly at?: string
  readonly method?: string
  readonly path: string
  readonly tenant?: string
  readonly moduleId?: string
  readonly preflight?: boolean
}

/** Asks as the proxy does: bytes in the middle of a buffer, cut at the first `?`. */
export function ask(policy: Policy, question: Question): Decision {
  const { caller, at = 'okapi', method = 'GET', path, tenant, moduleId } = question
  const bytes = Buffer.from(`${method} ${path} HTTP/1.1`)
  const start = method.length + 1
  const query = path.indexOf('?')
  const end = start + (query < 0 ? path.length : query)
  const { preflight = false } = question
  return policy
    .bind(parseCaller(caller), at)
    .decide(method, bytes, start, end, tenant, moduleId, preflight)
}

/** The decision in one word: the kind of the rule, the reason, or the reason that report mode lets pass. */
export function word(decision: Decision): string {
  if (!decision.allow) return decision.refusal.reason
  if (decision.wouldRefuse !== undefined) return `report:${decision.wouldRefuse.reason}`
  return decision.health ? 'health' : decision.rule.kind
}
