import { runCommand } from './cli/command.ts'
import { errorCode } from './fault.ts'

function orReaderGone(error: Error): void {
  if (errorCode(error) !== 'EPIPE') throw error
}

// The reader of the output may end first (`| head`): the exit code is still the verb's own.
process.stdout.on('error', orReaderGone)
// What cannot be told to a person ends nothing: its disk may be full.
process.stderr.on('error', (error) => errorCode(error) === 'ENOSPC' || orReaderGone(error))

const code = await runCommand(process.argv.slice(2))
// What serves has ended, however it ended: nothing that is left open keeps the process. This is the
// only place that decides how the process ends.
if (process.argv[2] === 'run') process.exit(code)
process.exitCode = code
