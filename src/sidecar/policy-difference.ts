import { hash } from 'node:crypto'
import type { ConfiguredRule } from '../config/config.ts'
import type { DescriptorFile } from '../policy/descriptors.ts'
import type { PolicyMaterial } from './policy-material.ts'

/** How many of each kind are named; the rest is counted. */
const MOST_NAMED = 10
const LONGEST = 200

/** New, removed and changed entries of a list; the first of them, and their number. */
export interface ListDifference {
  readonly [name: string]: readonly string[] | number
}

/** The parts of a policy that are compared with another one; small, because it is kept. */
export interface PolicyOutline {
  /** A hash of each descriptor, by module id. */
  readonly descriptors: ReadonlyMap<string, string>
  /** The rules as they were written, by kind. */
  readonly rules: Readonly<Record<string, readonly string[]>>
}

/** What is to be kept of this. */
export function outlineOf(material: PolicyMaterial): PolicyOutline {
  const { grants, known, consortia, kafka, descriptors } = material
  return {
    descriptors: new Map(descriptors.files.map(hashed)),
    rules: {
      grants: grants.map(ruleText),
      knownGrants: known.map(ruleText),
      consortia: consortia === undefined ? [] : [ruleText(consortia)],
      kafka: kafka.map(ruleText),
    },
  }
}

/** What differs between two policies, as short text by kind. */
export function policyDifference(
  before: PolicyOutline,
  after: PolicyOutline,
): Readonly<Record<string, ListDifference>> {
  const rules = Object.entries(after.rules).map(([kind, now]): [string, ListDifference] => {
    return [kind, ofLists(before.rules[kind] ?? [], now)]
  })
  const parts: readonly [string, ListDifference][] = [
    ['descriptors', ofDescriptors(before.descriptors, after.descriptors)],
    ...rules,
  ]
  return Object.fromEntries(parts.filter(([, difference]) => Object.keys(difference).length > 0))
}

function ofDescriptors(
  before: PolicyOutline['descriptors'],
  after: PolicyOutline['descriptors'],
): ListDifference {
  const both = [...after.keys()].filter((id) => before.has(id))
  return {
    ...ofLists([...before.keys()], [...after.keys()]),
    ...named(
      'changed',
      both.filter((id) => before.get(id) !== after.get(id)),
    ),
  }
}

/** The id of the module, and a hash of the whole descriptor. */
function hashed({ file, value }: DescriptorFile): [string, string] {
  const id = typeof value === 'object' && value !== null && 'id' in value ? value.id : file
  return [String(id), hash('sha256', JSON.stringify(value))]
}

function ofLists(before: readonly string[], after: readonly string[]): ListDifference {
  return { ...named('added', without(after, before)), ...named('removed', without(before, after)) }
}

function ruleText({ value }: ConfiguredRule): string {
  return JSON.stringify(value) ?? 'null'
}

function without(list: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others)
  return list.filter((each) => !known.has(each))
}

function named(what: string, list: readonly string[]): ListDifference {
  if (list.length === 0) return {}
  const first = list.slice(0, MOST_NAMED).map((each) => each.slice(0, LONGEST))
  const more = list.length - first.length
  return { [what]: first, ...(more > 0 && { [`${what}More`]: more }) }
}
