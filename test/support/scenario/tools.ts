import { execFileSync, spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import test, { type ExecutionContext } from 'ava'

/** Declares a test that has its turn, as `test.serial` does. */
export type Declare = (title: string, run: (t: ExecutionContext) => Promise<void>) => void

const HOW_TO_ASK: Readonly<Record<string, string>> = {
  openssl: 'version',
  java: '-version',
  nginx: '-v',
  helm: 'version',
  kubectl: 'help',
  kubeconform: '-v',
}

/**
 * Tests that need a tool, or several. Where one is not there they are `test.skip`, which ava counts and which is
 * never a pass, and one line of output per file says how many.
 */
export function withTool(...tools: readonly string[]): Declare {
  const tool = tools.find((each) => !isThere(each))
  if (tool === undefined) return (title, run) => test.serial(title, run)
  let missed = 0
  return (title, run) => {
    if (missed++ === 0) {
      setImmediate(() =>
        console.log(`skipped: ${tool} is not here (${missed} of this file's tests)`),
      )
    }
    test.serial.skip(title, run)
  }
}

/** The same for what a machine may not allow. @param why it does not; undefined: it does */
export function unless(why: string | undefined): Declare {
  if (why === undefined) return (title, run) => test.serial(title, run)
  console.log(`skipped: ${why}`)
  return (title, run) => test.serial.skip(title, run)
}

function isThere(tool: string): boolean {
  try {
    execFileSync(tool, [HOW_TO_ASK[tool] ?? '--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** How a tool ended and what it said. */
export interface Said {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs another program to its end; `input` is all of its standard input. */
export async function runTool(tool: string, args: readonly string[], input = ''): Promise<Said> {
  const child = spawn(tool, args, { stdio: 'pipe' })
  child.stdin.on('error', () => {})
  child.stdin.end(input, 'latin1')
  child.stdout.setEncoding('latin1')
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', resolve)
  })
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, out, err }
}
