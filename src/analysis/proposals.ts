import { productOf } from '../folio/module-id.ts'
import { parsePathPattern } from '../folio/path-pattern.ts'
import { overlap } from '../folio/pattern-states.ts'
import type { Caller } from '../policy/caller.ts'
import { compilePolicy, type PolicySource } from '../policy/compiled-policy.ts'
import { idOf } from '../policy/descriptors.ts'
import { isFor } from '../policy/grants.ts'
import { type RuleSource, ruleSources } from '../policy/rule-source.ts'
import { grantsInForce } from './installation.ts'
import { type MissingPermission, unmetOf } from './missing-permissions.ts'
import { eachMethod, type RouteQuestion, shortMethods } from './open-routes.ts'
import type { Opening } from './opening.ts'
import { interfacesOf, okapiQuestions, reachOf } from './reach.ts'

/** A proposed grant, with everything that it would allow. */
export interface Proposal {
  /** A product if one version of it is installed, else a full id. */
  readonly caller: string
  readonly opens:
    | { readonly interface: string }
    | { readonly methods: readonly string[]; readonly path: string }
  readonly missing: readonly MissingPermission[]
  /** What it opens in addition, because no grant is narrower. */
  readonly also: readonly Opening[]
}

/** The proposals, and what no grant can open. */
export interface Proposals {
  readonly proposals: readonly Proposal[]
  readonly unmet: readonly MissingPermission[]
}

interface Draft extends Omit<Proposal, 'also'> {
  readonly groups: readonly Group[]
}

const FILE = 'proposed'

/**
 * The smallest set of grants that opens what is missing: a whole interface if everything closed in it
 * is missing, else methods and paths. It is tested: compiled, and every route is asked about again.
 */
export function propose(source: PolicySource, all: readonly MissingPermission[]): Proposals {
  const strict: PolicySource = { ...source, mode: 'enforce', reported: [] }
  const ids = new Set(all.map(({ caller }) => caller))
  const callers = [...ids].map((id): Caller => ({ kind: 'module', id }))
  const open = keysOf(openBy(strict, callers, []).filter(({ only }) => only === null))
  const questions = okapiQuestions(source.descriptors)
  const missing = all.filter(
    (permission) => !open.has(keyOf(permission)) || isMixed(permission, questions),
  )
  const wanted = new Set(missing.map(keyOf))
  const groups = groupsOf(strict, questions, missing, open)
  let trial = tryOut(strict, callers, groups, open)
  if (revised(trial, groups, wanted)) trial = tryOut(strict, callers, groups, open)
  const { drafts, opened } = trial
  const got = new Set([...open, ...keysOf(opened)])
  const certain = new Set(missing.filter(({ doubtful }) => !doubtful).map(keyOf))
  return {
    proposals: drafts.map(({ groups: _, ...draft }, i) => ({
      ...draft,
      also: opened
        .filter((one) => isBy(i)(one) || (one.rule.file !== FILE && helps(draft, one, questions)))
        .flatMap((one) => cut(one, certain)),
    })),
    unmet: unmetOf(missing, (permission) => got.has(keyOf(permission))),
  }
}

/** What one caller lacks of one interface. */
interface Group {
  readonly missing: readonly MissingPermission[]
  /** How much more a grant for the whole interface would open. */
  readonly beside: number
  /** Is a grant for the interface enough, or do its requests need others too? */
  readonly alone: boolean
  /** Is it granted as a whole? */
  whole: boolean
}

interface Trial {
  readonly drafts: readonly Draft[]
  /** What the drafts open that was closed before. */
  readonly opened: readonly Opening[]
}

/**
 * Is it from a log, and may the request have been meant for another route too? Then it was refused
 * because of that route, although other requests for this one pass.
 */
function isMixed(
  { usage, question }: MissingPermission,
  questions: readonly RouteQuestion[],
): boolean {
  if (usage === undefined) return false
  const { module, interface: provided, pattern } = question.route
  return questions.some(
    (other) =>
      (other.route.module !== module || other.route.interface !== provided) &&
      other.route.pattern.text !== pattern.text &&
      meet(other, question),
  )
}

function meet({ route: one, ...a }: RouteQuestion, { route: other, ...b }: RouteQuestion): boolean {
  if (a.moduleId !== b.moduleId || (one.mask & other.mask) === 0) return false
  return overlap(one.pattern.parts, other.pattern.parts)
}

function groupsOf(
  source: PolicySource,
  questions: readonly RouteQuestion[],
  missing: readonly MissingPermission[],
  open: ReadonlySet<string>,
): Group[] {
  const byInterface = Map.groupBy(questions, interfaceOf)
  const wanted = new Set(missing.map(keyOf))
  const groups = Map.groupBy(
    missing,
    ({ caller, question }) => `${caller} ${interfaceOf(question)}`,
  )
  return [...groups.values()].map((group) => {
    const { caller, question } = group[0]!
    const keys = (byInterface.get(interfaceOf(question)) ?? []).flatMap((other) =>
      eachMethod(other.route.methods).map((method) => keyOf({ caller, method, question: other })),
    )
    const beside = new Set(keys.filter((one) => !open.has(one) && !wanted.has(one))).size
    const alone = isAlone(source, group, questions)
    return { missing: group, beside, alone, whole: alone && beside === 0 }
  })
}

/**
 * If a request may be meant for routes of several interfaces (Okapi's candidates), the caller needs
 * all of them. Is this request free of that problem?
 */
function isAlone(
  source: PolicySource,
  missing: readonly MissingPermission[],
  questions: readonly RouteQuestion[],
): boolean {
  const { caller: id, question: first } = missing[0]!
  const caller: Caller = { kind: 'module', id }
  const grants = grantsInForce(source).filter((grant) => isFor(grant, caller))
  const named = interfacesOf(source.descriptors, caller, grants)
  const others = questions.filter(
    (other) => interfaceOf(other) !== interfaceOf(first) && !named.has(interfaceOf(other)),
  )
  return missing.every(({ question }) => !others.some((other) => meet(other, question)))
}

function tryOut(
  source: PolicySource,
  callers: readonly Caller[],
  groups: readonly Group[],
  open: ReadonlySet<string>,
): Trial {
  const drafts = draftsOf(source, groups)
  const list = drafts.map(({ caller, opens }) => ({ caller, at: 'okapi', ...opens, why: FILE }))
  const after = openBy(source, callers, ruleSources(list, FILE, ''))
  return { drafts, opened: after.flatMap((one) => cut(one, open)) }
}

/** Switches to the other form if the first opened too little, or more in addition than the other would. */
function revised(
  { drafts, opened }: Trial,
  groups: readonly Group[],
  wanted: ReadonlySet<string>,
): boolean {
  const got = keysOf(opened)
  const changed = groups.filter((group) => {
    if (!group.alone) return false
    if (group.whole) return group.missing.some((permission) => !got.has(keyOf(permission)))
    const own = drafts.flatMap((draft, i) => (draft.groups.includes(group) ? [i] : []))
    const by = opened.filter((opening) => own.some((i) => isBy(i)(opening)))
    return keysOf(by.flatMap((one) => cut(one, wanted))).size > group.beside
  })
  for (const group of changed) group.whole = !group.whole
  return changed.length > 0
}

/**
 * If a request may be meant for several routes, the reported rule is that of only one of them. Did the
 * draft help to open this, although the reported rule is another one?
 */
function helps(
  { caller, opens }: Pick<Draft, 'caller' | 'opens'>,
  opening: Opening,
  questions: readonly RouteQuestion[],
): boolean {
  if (opening.caller !== caller && productOf(opening.caller) !== caller) return false
  const meant = questions.filter((question) => isOf(question, opening))
  if ('interface' in opens) {
    const granted = questions.filter((question) => interfaceOf(question) === opens.interface)
    return meant.some((question) => granted.some((other) => meet(other, question)))
  }
  const pattern = parsePathPattern(opens.path)
  if (typeof pattern === 'string') throw new Error(`${opens.path} was compiled before: ${pattern}`)
  return meant.some(({ route }) => overlap(pattern.parts, route.pattern.parts))
}

function isOf(
  { route, moduleId }: RouteQuestion,
  { provider, pathPattern, kind }: Opening,
): boolean {
  return (
    idOf(route.module) === provider &&
    route.pattern.text === pathPattern &&
    (moduleId === undefined) === (kind === 'handler')
  )
}

const isBy =
  (index: number) =>
  ({ rule }: Opening) =>
    rule.file === FILE && rule.pointer === `/${index}`

function draftsOf(source: PolicySource, groups: readonly Group[]): readonly Draft[] {
  const drafts = groups.flatMap((group): Draft[] => {
    const { missing, whole } = group
    const caller = nameFor(source, missing[0]!)
    const of = { caller, groups: [group] }
    if (whole) return [{ ...of, opens: { interface: interfaceOf(missing[0]!.question) }, missing }]
    const byPath = Map.groupBy(missing, ({ question }) => question.route.pattern.text)
    return [...byPath].map(([path, same]) => {
      const methods = shortMethods([...new Set(same.map(({ method }) => method))])
      return { ...of, opens: { methods, path }, missing: same }
    })
  })
  // Alternatives of an interface declare the same paths: one grant opens both.
  const same = Map.groupBy(drafts, ({ caller, opens }) => `${caller} ${JSON.stringify(opens)}`)
  return [...same.values()]
    .map((alike) => ({
      ...alike[0]!,
      missing: alike.flatMap(({ missing }) => missing),
      groups: alike.flatMap((draft) => draft.groups),
    }))
    .sort((a, b) => (a.caller < b.caller ? -1 : a.caller > b.caller ? 1 : 0))
}

/** A product, unless that would let others in, or an interface of high sensitivity requires more. */
function nameFor(
  { descriptors, sensitivity }: PolicySource,
  { caller, question }: MissingPermission,
): string {
  const product = productOf(caller)
  const versions = [...descriptors.modules.keys()].filter((id) => productOf(id) === product)
  const high = sensitivity?.[interfaceOf(question)] === 'high'
  return versions.length === 1 && !high ? product : caller
}

function openBy(
  source: PolicySource,
  callers: readonly Caller[],
  more: readonly RuleSource[],
): readonly Opening[] {
  const tried = { ...source, grants: [...more, ...(source.grants ?? [])] }
  const { policy, problems } = compilePolicy(tried)
  if (policy === undefined) throw new Error(problems.map(({ message }) => message).join('; '))
  return reachOf({ policy, set: source.descriptors, grants: grantsInForce(tried) }, callers)
}

/** The part of an opening that is not in `keys`. */
function cut(opening: Opening, keys: ReadonlySet<string>): Opening[] {
  const methods = eachMethod(opening.methods).filter((method) => !keys.has(key(opening, method)))
  return methods.length === 0 ? [] : [{ ...opening, methods: shortMethods(methods) }]
}

function keysOf(openings: readonly Opening[]): ReadonlySet<string> {
  return new Set(
    openings.flatMap((one) => eachMethod(one.methods).map((method) => key(one, method))),
  )
}

function keyOf({
  caller,
  method,
  question,
}: Pick<MissingPermission, 'caller' | 'method' | 'question'>): string {
  const { module, pattern, interface: provided } = question.route
  const kind = question.moduleId === undefined ? 'handler' : 'multiple'
  const route = { provider: idOf(module), pathPattern: pattern.text, interface: provided, kind }
  return key({ caller, ...route }, method)
}

interface Keyed extends Pick<Opening, 'caller' | 'provider' | 'pathPattern' | 'interface'> {
  readonly kind: string
}

/** A module may provide an interface in two versions, or in two kinds. */
function key(opening: Keyed, method: string): string {
  const { caller, provider, pathPattern, interface: provided, kind } = opening
  const part = `${kind} ${provided?.id ?? ''} ${provided?.version ?? ''}`
  return `${caller} ${provider} ${part} ${method} ${pathPattern}`
}

function interfaceOf({ route }: RouteQuestion): string {
  return route.interface?.id ?? ''
}
