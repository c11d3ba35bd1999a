// All tests but those of test/slow, or those: several files at a time, each by an ava of its own. Within one
// process ava's `serial` runs one file at a time (ava/lib/api.js).
//
//     npm test                     all; of what passes, one line a file
//     npm run test:slow            those of test/slow in the same way
//     npm test -- FILES [options]  as ava takes them
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
const slow = words[0] === '--slow'
const named = slow ? words.slice(1) : words
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
const total = { passed: 0, failed: 0, skipped: 0 }
const red: string[] = []
let ended = 0

/** Takes files from the first queue that has one. */
async function lane(...queues: string[][]): Promise<void> {
  const next = () => queues.find((queue) => queue.length > 0)?.shift()
  for (let file = next(); file !== undefined; file = next()) {
    const from = performance.now()
    const { code, said } = await ava([], { ...colours, TEST_FILE: file }, false)
    const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((w) => counted(said, w))
    total.passed += passed!
    total.failed += failed!
    total.skipped += skipped!
    if (code !== 0) red.push(file)
    ended++
    const name = file.slice('test/'.length, -'.test.ts'.length)
    const at = `${String(ended).padStart(3)}/${of}`
    const result = code === 0 ? `${passed} passed` : 'FAILED'
    console.log(
      `${at}  ${name.padEnd(48)} ${result.padStart(12)}  ${minutes(performance.now() - from)}`,
    )
    for (const line of said.split('\n')) {
      const matters = code !== 0 && !/^\s*✔/.test(line) && line.trim() !== ''
      if (matters || /^\s*skipped: /.test(line)) console.log(line)
    }
  }
}

const processors = availableParallelism()
const times = <T>(length: number, make: () => T) => Array.from({ length }, make)
await Promise.all([
  ...times(processors, () => lane(working, waiting)),
  // Of what works one more at the most.
  lane(waiting, working),
  ...times(processors - 1, () => lane(waiting)),
])
const skipped = total.skipped === 0 ? '' : `, ${total.skipped} skipped`
console.log(`\n${total.passed} tests passed${skipped}, in ${minutes(performance.now() - began)}`)
if (red.length > 0) {
  console.log(
    `${total.failed} failed, in ${red.length} files: npm ${slow ? 'run test:slow' : 'test'} -- FILE runs one again\n  ${red.join('\n  ')}`,
  )
  exit(1)
}
