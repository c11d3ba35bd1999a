import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import { readConsortiaFile } from '../config/consortia.ts'
import { located } from '../config/document.ts'
import { readGrants } from '../config/grants.ts'
import { writtenKafkaRules } from '../config/kafka-rules.ts'
import { watchDirectory } from '../credentials/directory.ts'
import { writableByOthers } from '../fault/guard.ts'
import { Fault, type Problem, sentence } from '../fault.ts'
import type { KafkaRules } from '../kafka/rules.ts'
import { KNOWN_GRANTS_FILE, readDescriptorFiles } from '../policy/descriptor-files.ts'
import type { Policy } from '../policy/policy.ts'
import { migrationProblems } from './migration.ts'
import {
  type PolicyMaterial,
  type PolicyOf,
  type PolicyReport,
  policyFrom,
} from './policy-material.ts'

/** Reads descriptors and grants as the configuration says. Throws a Fault if one cannot be read. */
function readPolicy({ policy: rules, kafka }: Config): PolicyMaterial {
  // Trust rule 7; the code that reads grants guards them.
  const open = writableByOthers(rules.descriptors)
  if (open.length > 0) throw new Fault(open)
  const knownFiles = rules.knownGrants.length === 0 ? [] : [KNOWN_GRANTS_FILE]
  const grants = readGrants(rules.grants)
  const known = readGrants({ inline: [], files: knownFiles })
  return {
    ...{ grants, known },
    consortia: readConsortiaFile(rules.consortiaFile),
    descriptors: readDescriptorFiles(rules.descriptors),
    kafka: kafka === undefined ? [] : writtenKafkaRules(kafka),
  }
}

/** A policy with what it was made of. */
export interface PolicyRead extends PolicyOf {
  readonly material: PolicyMaterial
  /**
   * Errors in the configuration with respect to these descriptors. Nothing starts with them; a
   * policy loaded while running is accepted anyway, because it closes what they are about.
   */
  readonly forbidden: readonly Problem[]
}

/**
 * The policy of this configuration, for start, reload and `check`. Throws a Fault with every
 * problem: files that others may write, and what does not compile.
 */
export function policyOf(config: Config): PolicyRead {
  const material = readPolicy(config)
  const made = placed(() => policyFrom(material, config))
  return {
    ...made,
    warnings: located(made.warnings),
    material,
    forbidden: migrationProblems(config, made.policy),
  }
}

/** The result of `make`, or its Fault with line and column for every pointer into a file. */
function placed<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw error instanceof Fault ? new Fault(located(error.problems)) : error
  }
}

/** The policy in force; replaced as a whole, the last good one stays. */
export class Policies {
  readonly #config: Config
  #current: Policy
  #kafka: KafkaRules
  #seen: string
  #failure = ''
  #stops: (() => void)[] = []

  private constructor(config: Config, { policy, kafka }: PolicyRead, seen: string) {
    this.#config = config
    this.#current = policy
    this.#kafka = kafka
    this.#seen = seen
  }

  /** The first policy. Throws a Fault where it is not good. */
  static async start(config: Config): Promise<{ policies: Policies; read: PolicyRead }> {
    // Checked before it is read; otherwise a change in between would never be noticed.
    const seen = await stateOf(filesOf(config))
    const read = policyOf(config)
    if (read.forbidden.length > 0) throw new Fault(read.forbidden)
    return { policies: new Policies(config, read, seen), read }
  }

  get current(): Policy {
    return this.#current
  }

  get kafka(): KafkaRules {
    return this.#kafka
  }

  /** Loads changes of the files from now on, and those since the start. */
  async watch(
    changed: (material: PolicyMaterial) => void,
    told: (report: PolicyReport) => void,
  ): Promise<void> {
    const { descriptors } = this.#config.policy
    const look = () => void this.#look(changed, told)
    const folder = (await stat(descriptors)).isDirectory() ? descriptors : dirname(descriptors)
    const [, ...files] = filesOf(this.#config)
    const folders = new Set([folder, ...files.map((file) => dirname(file))])
    this.#stops = [...folders].map((each) => watchDirectory(each, look))
    await this.#look(changed, told)
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  /** Reading is cheap and compiling is not, so it is compiled only when something differs. */
  async #look(
    changed: (material: PolicyMaterial) => void,
    told: (report: PolicyReport) => void,
  ): Promise<void> {
    const state = await stateOf(filesOf(this.#config))
    if (state === this.#seen || this.#stops.length === 0) return
    this.#seen = state
    try {
      const { policy, kafka, warnings, forbidden, material } = policyOf(this.#config)
      const same = policy.hash === this.#current.hash && kafka.text === this.#kafka.text
      if (same && this.#failure === '') return
      this.#failure = ''
      this.#current = policy
      this.#kafka = kafka
      changed(material)
      told({ result: 'ok', problems: [...warnings, ...forbidden] })
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const failure = error.problems.map(sentence).join('\n')
      if (failure !== this.#failure) told({ result: 'failed', problems: error.problems })
      this.#failure = failure
    }
  }
}

/** The descriptors come first. */
function filesOf({ policy: { descriptors, grants, consortiaFile }, kafka }: Config) {
  const consortia = consortiaFile === undefined ? [] : [consortiaFile]
  return [descriptors, ...grants.files, ...consortia, ...(kafka?.rules.files ?? [])] as const
}

/** One hash over contents and modes; an unreadable file has a value of its own. */
async function stateOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) {
    const files = await inside(path)
    for (const place of [dirname(path), path]) hash.update(`${place} ${await modeOf(place)}\n`)
    for (const file of files) {
      const bytes = await readFile(file).catch(() => Buffer.from('unreadable'))
      hash.update(`${file} ${await modeOf(file)} ${bytes.length}\n`).update(bytes)
    }
  }
  return hash.digest('hex')
}

async function modeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mode
}

/** Every file that is read or whose mode counts, or the one file. */
async function inside(path: string): Promise<readonly string[]> {
  try {
    const names = await readdir(path)
    return names
      .filter((name) => !name.startsWith('.'))
      .sort()
      .map((name) => join(path, name))
  } catch {
    return [path]
  }
}
