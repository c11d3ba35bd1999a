import { nearest } from '../fault/nearest.ts'
import { errorCode, Fault, fault } from '../fault.ts'
import { tell } from './terminal.ts'
import { mistyped } from './verb.ts'
import { usage, VERBS } from './verbs.ts'

/**
 * Runs one command line and returns its exit code: 0 fine, 1 the answer is no, 2 wrong usage or
 * configuration. Errors go to stderr; it never throws.
 */
export function runCommand(argv: readonly string[]): Promise<number> {
  return exitCodeOf(() => dispatch(argv))
}

/** The result of `work`; what it throws is printed on stderr. */
export async function exitCodeOf(work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    return failed(error)
  }
}

async function dispatch([verb, ...rest]: readonly string[]): Promise<number> {
  if (verb === '--version' || verb === '-v') return say(`${await version()}\n`)
  if (verb === undefined) return say(usage(), 2)
  if (verb === '--help' || verb === '-h') return say(usage())
  if (verb === 'help') return help(rest[0])
  const entry = VERBS[verb]
  if (entry === undefined) throw unknown(verb)
  const { usage: text, run } = await entry.load()
  if (rest.includes('--help') || rest.includes('-h')) return say(text)
  try {
    return await run(rest, VERBS)
  } catch (error) {
    throw errorCode(error)?.startsWith('ERR_PARSE_ARGS') ? misused(verb, text, error) : error
  }
}

/** Node's message about options in one line, with the option that was probably meant. */
function misused(verb: string, text: string, error: unknown): Fault {
  const [said = ''] = error instanceof Error ? error.message.split('. ') : []
  const option = /^Unknown option '(--?[\w-]+)'/.exec(said)?.[1]
  // A usage text has the options of all subcommands.
  const others = (text.match(/--[a-z][a-z0-9-]*/g) ?? []).filter((each) => each !== option)
  const near = option === undefined ? undefined : nearest(option, others)
  const hint = `okapi-sidecar help ${verb} shows what it takes`
  // The file of `run` and the like is an option, which is easily forgotten.
  const file = /^Unexpected argument '(.+)'/.exec(said)?.[1]
  if (file !== undefined && /^ {4}-c, --config FILE/m.test(text)) {
    return fault(said, { hint: `the configuration is named by -c ${file}` })
  }
  return fault(option === undefined ? said : `${verb} has no option ${option}`, {
    hint: near === undefined ? hint : `did you mean ${near}? ${hint}`,
  })
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
  const { default: manifest } = await import('../../package.json', { with: { type: 'json' } })
  return manifest.version
}

function failed(error: unknown): number {
  if (error instanceof Fault) {
    tell(error.problems)
    return 2
  }
  process.stderr.write(`okapi-sidecar: ${error instanceof Error ? error.stack : String(error)}\n`)
  return 1
}
