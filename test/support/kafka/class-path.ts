import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

// Kafka's own programs, as Maven Central has them.

const POM = join(import.meta.dirname, 'pom.xml')
// The jars lie in Maven's own folder, whatever checkout asked for them.
const CACHE = join(homedir(), '.cache/okapi-sidecar/kafka')
const MAVEN_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:2.8'

/** The version of the brokers, where it is not that of `broker`: `KAFKA_BROKER=3.9.1`. */
const OTHER_BROKER = process.env['KAFKA_BROKER']

/** `broker`: 4.x with its clients and tools. `clients-3`: clients and tools of 3.x. `other-broker`: a broker alone. */
export type KafkaProfile = 'broker' | 'clients-3' | 'other-broker'
export const KAFKA_PROFILES: readonly KafkaProfile[] = [
  'broker',
  'clients-3',
  ...(OTHER_BROKER === undefined ? [] : (['other-broker'] as const)),
]

/** Of what brokers are started. */
export const BROKER_PROFILE: KafkaProfile = OTHER_BROKER === undefined ? 'broker' : 'other-broker'

/** Where the class path of a profile is kept; another pom.xml is another file. */
function kept(profile: KafkaProfile): string {
  const hash = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12)
  const version = profile === 'other-broker' ? `-${OTHER_BROKER}` : ''
  return join(CACHE, `${profile}${version}-${hash}.classpath`)
}

/** Asks Maven for what a profile needs. Throws if there is no Maven, or it cannot download it. */
export function fetchKafka(profile: KafkaProfile, timeout: number): void {
  mkdirSync(CACHE, { recursive: true })
  const goal = [`${MAVEN_PLUGIN}:build-classpath`, `-Dmdep.outputFile=${kept(profile)}`]
  const args = ['-B', '-q', '-f', POM, '-P', profile, `-Dbroker=${OTHER_BROKER}`, ...goal]
  execFileSync('mvn', args, { timeout, stdio: ['ignore', 'ignore', 'pipe'] })
}

/** The class path of a profile; undefined where `npm run kafka-tools` has not brought it. */
export function classPath(profile: KafkaProfile): string | undefined {
  if (!existsSync(kept(profile))) return undefined
  const path = readFileSync(kept(profile), 'utf8').trim()
  return path.split(delimiter).every((jar) => existsSync(jar)) ? path : undefined
}
