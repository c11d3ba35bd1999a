import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../config/config.ts'
import { readGrants } from '../config/grants.ts'
import { watchDirectory } from '../credentials/watch-directory.ts'
import { Fault, type Problem, sentence } from '../fault.ts'
import type { Policy } from '../policy/policy.ts'
import { KNOWN_GRANTS_FILE, readDescriptors } from '../policy/source.ts'
import { type PolicyMaterial, type PolicyOf, policyFrom } from './policy-material.ts'

/** Reads descriptors and grants as the configuration says. Throws a Fault where one cannot be. */
export function readPolicy({ policy: rules }: Config): PolicyMaterial {
  const knownFiles = rules.knownGrants.length === 0 ? [] : [KNOWN_GRANTS_FILE]
  const grants = readGrants(rules.grants)
  const known = readGrants({ inline: [], files: knownFiles })
  return { grants, known, descriptors: readDescriptors(rules.descriptors) }
}

/** The policy of this configuration. Throws a Fault with every problem. */
export function policyOf(config: Config): PolicyOf {
  return policyFrom(readPolicy(config), config)
}

/** Told once for each policy that came into force, and for each new reason why one did not. */
export type PolicyReport =
  | { readonly result: 'ok'; readonly problems: readonly Problem[] }
  | { readonly result: 'failed'; readonly problems: readonly Problem[] }

/** The policy in force; replaced as a whole, the last good one stays. */
export class Policies {
  readonly #config: Config
  #current: Policy
  #seen = ''
  #failure = ''
  #stops: (() => void)[] = []

  constructor(config: Config, policy: Policy) {
    this.#config = config
    this.#current = policy
  }

  get current(): Policy {
    return this.#current
  }

  /** Takes up what changes in the files from now on. */
  async watch(
    changed: (material: PolicyMaterial) => void,
    told: (report: PolicyReport) => void,
  ): Promise<void> {
    const { descriptors, grants } = this.#config.policy
    const files = [descriptors, ...grants.files]
    this.#seen = await contentOf(files)
    const look = () => void this.#look(files, changed, told)
    const folder = (await stat(descriptors)).isDirectory() ? descriptors : dirname(descriptors)
    const folders = new Set([folder, ...grants.files.map((file) => dirname(file))])
    this.#stops = [...folders].map((each) => watchDirectory(each, look))
  }

  stop(): void {
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  /** Reading is cheap and compiling is not: so it is compiled only when something differs. */
  async #look(
    files: readonly string[],
    changed: (material: PolicyMaterial) => void,
    told: (report: PolicyReport) => void,
  ): Promise<void> {
    const content = await contentOf(files)
    if (content === this.#seen || this.#stops.length === 0) return
    this.#seen = content
    try {
      const material = readPolicy(this.#config)
      const { policy, warnings } = policyFrom(material, this.#config)
      const same = policy.hash === this.#current.hash
      if (same && this.#failure === '') return
      this.#failure = ''
      this.#current = policy
      changed(material)
      told({ result: 'ok', problems: warnings })
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      const failure = error.problems.map(sentence).join('\n')
      if (failure !== this.#failure) told({ result: 'failed', problems: error.problems })
      this.#failure = failure
    }
  }
}

/** One hash over the contents; what cannot be read has a content of its own. */
async function contentOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) {
    for (const file of await filesOf(path)) {
      const bytes = await readFile(file).catch(() => Buffer.from('unreadable'))
      hash.update(`${file} ${bytes.length}\n`).update(bytes)
    }
  }
  return hash.digest('hex')
}

async function filesOf(path: string): Promise<readonly string[]> {
  try {
    const names = await readdir(path)
    return names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => join(path, name))
  } catch {
    return [path]
  }
}
