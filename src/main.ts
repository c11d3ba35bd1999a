import { tell } from './cli/terminal.ts'
import { mistyped } from './cli/verb.ts'
import { usage, VERBS } from './cli/verbs.ts'
import { errorCode, Fault } from './fault.ts'

/** argv to verb. This is the only place that decides how the process ends. */
async function main([verb, ...rest]: readonly string[]): Promise<number> {
  if (verb === '--version' || verb === '-v') return say(`${await version()}\n`)
  if (verb === undefined) return say(usage(), 2)
  if (verb === '--help' || verb === '-h') return say(usage())
  if (verb === 'help') return help(rest[0])
  const entry = VERBS[verb]
  if (entry === undefined) throw unknown(verb)
  const { usage: text, run } = await entry.load()
  if (rest.includes('--help') || rest.includes('-h')) return say(text)
  return run(rest, VERBS)
}

async function help(verb: string | undefined): Promise<number> {
  if (verb === undefined) return say(usage())
  const entry = VERBS[verb]
  if (entry === undefined) throw unknown(verb)
  return say((await entry.load()).usage)
}

function unknown(verb: string): Fault {
  return mistyped(`there is no verb \`${verb}\``, verb, Object.keys(VERBS))
}

function say(text: string, code = 0): number {
  ;(code === 0 ? process.stdout : process.stderr).write(text)
  return code
}

async function version(): Promise<string> {
  const { default: manifest } = await import('../package.json', { with: { type: 'json' } })
  return manifest.version
}

function failed(error: unknown): number {
  if (error instanceof Fault) {
    tell(error.problems)
    return 2
  }
  if (errorCode(error)?.startsWith('ERR_PARSE_ARGS') && error instanceof Error) {
    const hint = 'okapi-sidecar help VERB shows what it takes'
    tell([{ severity: 'error', message: error.message, hint }])
    return 2
  }
  process.stderr.write(`okapi-sidecar: ${error instanceof Error ? error.stack : String(error)}\n`)
  return 1
}

function orReaderGone(error: Error): void {
  if (errorCode(error) !== 'EPIPE') throw error
}

// The reader of the output may end first (`| head`): the exit code is still the verb's own.
process.stdout.on('error', orReaderGone)
// What cannot be told to a person ends nothing: its disk may be full.
process.stderr.on('error', (error) => errorCode(error) === 'ENOSPC' || orReaderGone(error))

const code = await main(process.argv.slice(2)).catch(failed)
// What serves has ended, however it ended: nothing that is left open keeps the process.
if (process.argv[2] === 'run') process.exit(code)
process.exitCode = code
