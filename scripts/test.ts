// All tests but those of test/slow: several files at a time, each by an ava of its own. Within one process
// ava's `serial` runs one file at a time (ava/lib/api.js), and mostly a test waits for others' processes.
//
//     npm test                     all; of what passes, one line a file
//     npm test -- FILES [options]  as ava takes them
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { argv, env, exit, stdout } from 'node:process'
import config from '../ava.config.js'

/** Those that take longest, to begin with. */
const LONGEST = ['connections', 'transport', 'rooms', 'probe', 'limits', 'kafka', 'wire', 'shares']
/** They wait more than they work. */
const AT_ONCE = availableParallelism() + 1

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
  const all = new Set(
    config.files.filter((glob) => !glob.startsWith('!')).flatMap((g) => globSync(g)),
  )
  for (const glob of config.files) {
    if (glob.startsWith('!')) for (const file of globSync(glob.slice(1))) all.delete(file)
  }
  const turn = (file: string) => {
    const at = LONGEST.findIndex((name) => file === `test/suites/${name}.test.ts`)
    return at === -1 ? LONGEST.length : at
  }
  return [...all].toSorted((a, b) => turn(a) - turn(b) || a.localeCompare(b))
}

/** "3 tests passed": of what there is how many. */
function counted(said: string, what: string): number {
  return Number(new RegExp(`^ {2}(\\d+) tests? ${what}`, 'm').exec(said)?.[1] ?? 0)
}

function minutes(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

if (argv.length > 2) exit((await ava(argv.slice(2), {}, true)).code ?? 1)

const began = performance.now()
const waiting = testFiles()
const of = waiting.length
const colours: NodeJS.ProcessEnv = stdout.isTTY ? { FORCE_COLOR: '1' } : {}
const total = { passed: 0, failed: 0, skipped: 0 }
const red: string[] = []
let ended = 0

async function lane(): Promise<void> {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
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

await Promise.all(Array.from({ length: AT_ONCE }, lane))
const skipped = total.skipped === 0 ? '' : `, ${total.skipped} skipped`
console.log(`\n${total.passed} tests passed${skipped}, in ${minutes(performance.now() - began)}`)
if (red.length > 0) {
  console.log(
    `${total.failed} failed, in ${red.length} files: npm test -- FILE runs one again\n  ${red.join('\n  ')}`,
  )
  exit(1)
}
