import {
  type InterfaceDescriptor,
  type InterfaceRequirement,
  type InterfaceType,
  METHODS,
  type ModuleDescriptor,
  type RoutingEntry,
} from './descriptor.ts'
import { isInterfaceVersion } from './interface-version.ts'
import { type ModuleId, parseModuleId } from './module-id.ts'
import { otherSpelling, parsePathPattern } from './path-pattern.ts'

/** Something wrong or odd in a document. */
export interface DescriptorFinding {
  readonly severity: 'error' | 'warning'
  readonly message: string
  /** RFC 6901. */
  readonly pointer: string
}

const TYPES: readonly InterfaceType[] = ['proxy', 'multiple', 'system', 'internal']
const PHASES = ['auth', 'pre', 'post']
// RoutingEntry.setType
const ENTRY_TYPES = `request-response request-only headers redirect system internal
  request-response-1.0 request-log`.split(/\s+/)
// Control characters, bidirectional controls, line separators, lone surrogates.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const ALL_UNSEEN = new RegExp(UNSEEN, 'gu')
const MAX_SHOWN = 80
const MAX_TEXT = 2048
const SPIFFE_PATH = /^[a-zA-Z0-9._-]+$/

/**
 * Reads a parsed JSON value as a ModuleDescriptor. Unknown fields are ignored, wrong types are
 * errors; the descriptor is undefined when there is any error.
 */
export function readDescriptor(value: unknown): {
  descriptor: ModuleDescriptor | undefined
  findings: readonly DescriptorFinding[]
} {
  const reader = new Reader()
  const descriptor = reader.descriptor(value)
  const failed = reader.findings.some(({ severity }) => severity === 'error')
  return { descriptor: failed ? undefined : descriptor, findings: reader.findings }
}

class Reader {
  readonly findings: DescriptorFinding[] = []

  descriptor(value: unknown): ModuleDescriptor | undefined {
    if (!isObject(value)) return this.#error('', 'a ModuleDescriptor is a JSON object')
    const { id: written, filters: f, provides: p, requires: r, optional: o } = value
    const id = this.#moduleId(written)
    const requirement = (entry: unknown, pointer: string) => this.#requirement(entry, pointer)
    const filters = this.#list(f, '/filters', (entry, pointer) => this.#entry(entry, pointer))
    const provides = this.#list(p, '/provides', (entry, pointer) => this.#interface(entry, pointer))
    const requires = this.#list(r, '/requires', requirement)
    const optional = this.#list(o, '/optional', requirement)
    return id && { id, provides, requires, optional, filters }
  }

  #moduleId(value: unknown): ModuleId | undefined {
    if (typeof value !== 'string') {
      return this.#error('/id', 'it has no id: only ModuleDescriptors belong here')
    }
    const id = parseModuleId(value)
    if (id === undefined) {
      return this.#error('/id', `${shown(value)} is not a module id such as mod-users-19.7.0`)
    }
    if (this.#visible(value, '/id') === undefined) return undefined
    if (!SPIFFE_PATH.test(value)) {
      this.#warn(
        '/id',
        `no certificate can name ${shown(value)}: only letters, digits, . _ and - fit`,
      )
    }
    return id
  }

  #interface(value: unknown, pointer: string): InterfaceDescriptor | undefined {
    const named = this.#requirement(value, pointer)
    if (named === undefined || !isObject(value)) return undefined
    const { interfaceType, handlers: entries } = value
    const given = this.#string(interfaceType, `${pointer}/interfaceType`)
    const type = given === undefined ? 'proxy' : (TYPES.find((one) => one === given) ?? 'unknown')
    if (type === 'unknown') {
      this.#warn(
        `${pointer}/interfaceType`,
        `Okapi knows no interfaceType ${shown(given ?? '')}: not routed`,
      )
    }
    const handlers = this.#list(entries, `${pointer}/handlers`, (entry, at) =>
      this.#entry(entry, at),
    )
    return { ...named, type, handlers }
  }

  #requirement(value: unknown, pointer: string): InterfaceRequirement | undefined {
    if (!isObject(value)) return this.#error(pointer, 'must be an object with id and version')
    const { id, version } = value
    if (typeof id !== 'string' || id === '') {
      return this.#error(`${pointer}/id`, 'id must be a string that is not empty')
    }
    if (this.#visible(id, `${pointer}/id`) === undefined) return undefined
    if (typeof version !== 'string' || !isInterfaceVersion(version)) {
      return this.#error(
        `${pointer}/version`,
        `version of ${shown(id)} must be a text such as "16.5"`,
      )
    }
    return { id, version, pointer }
  }

  #entry(value: unknown, pointer: string): RoutingEntry | undefined {
    if (!isObject(value)) return this.#error(pointer, 'a routing entry is a JSON object')
    const text = (key: string) => this.#string(value[key], `${pointer}/${key}`)
    const phase = text('phase')
    if (phase !== undefined && !PHASES.includes(phase)) {
      this.#error(
        `${pointer}/phase`,
        `phase must be one of ${PHASES.join(', ')}, not ${shown(phase)}`,
      )
    }
    const type = text('type')
    if (type !== undefined && !ENTRY_TYPES.includes(type)) {
      this.#error(`${pointer}/type`, `routing entries of type ${shown(type)} are not served`)
    }
    const { methods, modulePermissions, permissionsRequired, delegateCORS: cors } = value
    const delegateCORS = cors ?? false
    if (typeof delegateCORS !== 'boolean') {
      this.#error(`${pointer}/delegateCORS`, 'delegateCORS must be true or false')
    }
    return {
      methods: this.#methods(methods, `${pointer}/methods`),
      ...this.#paths(text('pathPattern'), text('path'), pointer),
      rewritePath: this.#plain(text('rewritePath'), `${pointer}/rewritePath`),
      redirectPath: type === 'redirect' ? this.#redirect(text('redirectPath'), pointer) : undefined,
      phase,
      delegateCORS: delegateCORS === true,
      modulePermissions: this.#strings(modulePermissions, `${pointer}/modulePermissions`),
      permissionsRequired: this.#strings(permissionsRequired, `${pointer}/permissionsRequired`),
      pointer,
    }
  }

  #paths(pathPattern: string | undefined, path: string | undefined, pointer: string) {
    if (pathPattern !== undefined) {
      const parsed = parsePathPattern(pathPattern)
      if (typeof parsed === 'string') this.#error(`${pointer}/pathPattern`, parsed)
    }
    if (!pathPattern && !path) this.#error(pointer, 'a routing entry needs a pathPattern')
    // RoutingEntry.setPath, setPathPattern: each forgets the other.
    if (path && pathPattern !== undefined) {
      this.#error(
        `${pointer}/path`,
        'a routing entry has a path or a pathPattern: of both, Okapi keeps only the last one',
      )
    } else if (path) {
      this.#warn(
        `${pointer}/path`,
        `path ${shown(path)} matches ${shown(path)}-and-more too: use pathPattern`,
      )
    }
    this.#plain(path, `${pointer}/path`)
    return { pathPattern, path: path === '' ? undefined : path }
  }

  /** Paths are compared literally, so a path must have only one spelling. */
  #plain(path: string | undefined, pointer: string): string | undefined {
    const wrong = otherSpelling(path ?? '')
    return wrong === undefined ? path : this.#error(pointer, wrong)
  }

  /** A redirect hides the intended route. It is loaded so that requests that it would take can be refused. */
  #redirect(path: string | undefined, pointer: string): string {
    // RoutingEntry.validateCommon
    if (!path) this.#error(`${pointer}/redirectPath`, 'a redirect needs a redirectPath')
    else this.#warn(`${pointer}/type`, `a redirect to ${shown(path)}: what it takes is refused`)
    return path ?? ''
  }

  #methods(value: unknown, pointer: string): readonly string[] | undefined {
    if (value === undefined || value === null) return undefined
    const methods = this.#strings(value, pointer)
    for (const method of methods) {
      if (method !== '*' && !METHODS.includes(method)) {
        this.#error(pointer, `${shown(method)} is not a method that Okapi knows, in upper case`)
      }
    }
    return methods
  }

  #strings(value: unknown, pointer: string): string[] {
    return this.#list(value, pointer, (entry, at) =>
      typeof entry === 'string' ? this.#visible(entry, at) : this.#error(at, 'must be a string'),
    )
  }

  #string(value: unknown, pointer: string): string | undefined {
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'string') return this.#error(pointer, 'must be a string')
    return this.#visible(value, pointer)
  }

  /** Names and paths appear in lists for people, and in proposals to copy: they must not contain line ends. */
  #visible(text: string, pointer: string): string | undefined {
    if (text.length > MAX_TEXT) {
      return this.#error(pointer, `it is longer than ${MAX_TEXT} characters`)
    }
    const [char] = UNSEEN.exec(text) ?? []
    if (char === undefined) return text
    return this.#error(pointer, `it contains the invisible character ${codeOf(char)}`)
  }

  #list<T>(value: unknown, pointer: string, read: (entry: unknown, at: string) => T | undefined) {
    if (value === undefined || value === null) return []
    if (!Array.isArray(value)) {
      this.#error(pointer, 'must be a list')
      return []
    }
    return value.flatMap((entry: unknown, i) => read(entry, `${pointer}/${i}`) ?? [])
  }

  #error(pointer: string, message: string): undefined {
    this.findings.push({ severity: 'error', message, pointer })
  }

  #warn(pointer: string, message: string): void {
    this.findings.push({ severity: 'warning', message, pointer })
  }
}

/** The text from the document, cut to the room in one line of a message. */
function shown(text: string): string {
  const seen = text.replaceAll(ALL_UNSEEN, codeOf)
  if (seen === '') return '""'
  return seen.length > MAX_SHOWN ? `${seen.slice(0, MAX_SHOWN)}...` : seen
}

function codeOf(char: string): string {
  return `U+${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
