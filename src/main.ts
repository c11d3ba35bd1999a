import { runCommand } from './cli/command.ts'
import { errorCode } from './fault.ts'

/** Why what a verb had to say was not written; undefined: it was. */
let unsaid: string | undefined

// The reader of the output may end first (`| head`): the exit code is still the verb's own.
process.stdout.on('error', (error) => {
  const code = errorCode(error)
  if (code === 'EPIPE') return
  // A disk that is full: half an answer must not look like a whole one.
  if (unsaid === undefined) {
    process.stderr.write(`okapi-sidecar: error: standard output cannot be written: ${code}\n`)
  }
  unsaid = code ?? error.message
  process.exitCode = 2
})
// What cannot be told to a person ends nothing: its disk may be full.
process.stderr.on('error', (error) => {
  if (!['EPIPE', 'ENOSPC'].includes(errorCode(error) ?? '')) throw error
})

const code = await runCommand(process.argv.slice(2))
// What serves has ended, however it ended: nothing that is left open keeps the process. This is the
// only place that decides how the process ends.
if (process.argv[2] === 'run') process.exit(code)
process.exitCode = unsaid === undefined ? code : 2
