// All tests but those of test/slow, or those: several files at a time, each by an ava of its own. Within one
// process ava's `serial` runs one file at a time (ava/lib/api.js).
//
//     npm test                     all; of what passes, one line a file
//     npm run test:slow            those of test/slow in the same way
//     npm test -- FILES [options]  as ava takes them
//     npm test -- --again          a file that fails is run once more when all others have ended. If it passes
//                                  then, it is an `unsteady:` line, not a failure: CI is for the change
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { argv, env, exit, stdout } from 'node:process'
import config from '../ava.config.js'

// As many files that work as there are processors, and beside them as many that mostly wait: for limits of
// time, for what a network or another process does. Of either kind the longest first.
const WORK = [
  ...['rooms', 'who-may-call', 'command-line', 'installations', 'policy-verbs', 'shares', 'kafka'],
  ...['kafka-clients-notice-nothing', 'a-module-gets-its-own-topics', 'init-of-an-installation'],
  ...['cancels-hit-their-own-session', 'what-is-shipped', 'one-rule-off'],
  ...['rotation-loses-no-request', 'kafka-holds-no-more-than-its-limit', 'chart-against-schemas'],
]
const WAIT = [
  ...['transport', 'connections', 'probe', 'limits', 'processes', 'databases'],
  ...['networks-part-and-machines-die', 'a-dead-machine-over-http1', 'processes-stand-still'],
  ...['kafka-check-of-a-cluster', 'a-machine-of-the-database-dies', 'clocks-step'],
  ...['sasl-above-tls-goes-through'],
  ...['rotation-cuts-what-is-unfit', 'rotation-keeps-the-last-good-one'],
  ...['a-peer-that-is-cut-off-is-left', 'streaming-closes-lose-no-request'],
  ...['a-silent-name-server-stops-nothing-else', 'limits-of-the-way-on'],
]
for (const name of [...WORK, ...WAIT]) {
  if (globSync(`test/{suites,slow}/${name}.test.ts`).length === 0) throw new Error(`no ${name}`)
}

/** Files that `--again` runs once more. */
const MOST_AGAIN = 3

/** Tests of one file. */
interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What an ava said. */
interface Outcome {
  readonly code: number | null
  readonly said: string
}

function ava(args: readonly string[], more: NodeJS.ProcessEnv, show: boolean): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const stdio = show ? 'inherit' : (['ignore', 'pipe', 'pipe'] as const)
  const child = spawn('ava', args, { env: { ...env, ...more }, stdio: stdio as 'pipe' })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  child.on('close', (code) => resolve({ code, said }))
  return promise
}

function testFiles(): string[] {
  if (slow) return globSync('test/slow/*.test.ts')
  const all = new Set(
    config.files.filter((glob) => !glob.startsWith('!')).flatMap((g) => globSync(g)),
  )
  for (const glob of config.files) {
    if (glob.startsWith('!')) for (const file of globSync(glob.slice(1))) all.delete(file)
  }
  return [...all]
}

/** Those that `first` names stand first, in its order. */
function inTurn(files: readonly string[], first: readonly string[]): string[] {
  const turn = (file: string) => {
    const at = first.indexOf(basename(file, '.test.ts'))
    return at === -1 ? first.length : at
  }
  return files.toSorted((a, b) => turn(a) - turn(b) || a.localeCompare(b))
}

/** "3 tests passed": of what there is how many. */
function counted(said: string, what: string): number {
  return Number(new RegExp(`^ {2}(\\d+) tests? ${what}`, 'm').exec(said)?.[1] ?? 0)
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

const [, , ...words] = argv
const slow = words.includes('--slow')
const again = words.includes('--again')
const named = words.filter((word) => word !== '--slow' && word !== '--again')
if (named.length > 0) exit((await ava(named, {}, true)).code ?? 1)

const began = performance.now()
const files = testFiles()
const of = files.length
const waits = (file: string) => WAIT.includes(basename(file, '.test.ts'))
const working = inTurn(
  files.filter((file) => !waits(file)),
  WORK,
)
const waiting = inTurn(files.filter(waits), WAIT)
const colours: NodeJS.ProcessEnv = stdout.isTTY ? { FORCE_COLOR: '1' } : {}
/** What each file came to; of one that was run again, the second time. */
const results = new Map<string, Counts>()

/** Runs one file, and prints how it ended. `at`: which of all it is. */
async function run(file: string, at: () => string): Promise<void> {
  const from = performance.now()
  const { code, said } = await ava([], { ...colours, TEST_FILE: file }, false)
  const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((w) => counted(said, w))
  const counts = {
    passed: passed!,
    failed: code === 0 ? 0 : Math.max(1, failed!),
    skipped: skipped!,
  }
  results.set(file, counts)
  const name = file.slice('test/'.length, -'.test.ts'.length)
  const result = code === 0 ? `${passed} passed` : 'FAILED'
  console.log(
    `${at()}  ${name.padEnd(48)} ${result.padStart(12)}  ${minutes(performance.now() - from)}`,
  )
  for (const line of said.split('\n')) {
    const matters = code !== 0 && !/^\s*✔/.test(line) && line.trim() !== ''
    if (matters || /^\s*skipped: /.test(line)) console.log(line)
  }
}

/** Takes files from the first queue that has one. */
async function lane(...queues: string[][]): Promise<void> {
  const next = () => queues.find((queue) => queue.length > 0)?.shift()
  const at = () => `${String(results.size).padStart(3)}/${of}`
  for (let file = next(); file !== undefined; file = next()) await run(file, at)
}

function red(): readonly string[] {
  return [...results].flatMap(([file, { failed }]) => (failed > 0 ? [file] : []))
}

const processors = availableParallelism()
const times = <T>(length: number, make: () => T) => Array.from({ length }, make)
await Promise.all([
  ...times(processors, () => lane(working, waiting)),
  // Of what works one more at the most.
  lane(waiting, working),
  ...times(processors - 1, () => lane(waiting)),
])
// More than a few are no accident of a busy machine.
const once = again && red().length <= MOST_AGAIN ? red() : []
for (const file of once) {
  await run(file, () => 'again'.padStart(`${of}`.length + 4))
  if (!red().includes(file)) {
    console.log(`unsteady: ${file} failed beside others and passed alone: see above`)
  }
}
const total = (what: keyof Counts) =>
  [...results.values()].reduce((sum, counts) => sum + counts[what], 0)
const skipped = total('skipped') === 0 ? '' : `, ${total('skipped')} skipped`
console.log(`\n${total('passed')} tests passed${skipped}, in ${minutes(performance.now() - began)}`)
if (red().length > 0) {
  console.log(
    `${total('failed')} failed, in ${red().length} files: npm ${slow ? 'run test:slow' : 'test'} -- FILE runs one again\n  ${red().join('\n  ')}`,
  )
  exit(1)
}
