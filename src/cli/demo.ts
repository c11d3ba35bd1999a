import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { type DemoResult, demo, playground } from '../demo/demo.ts'
import { callText, progressLine, resultText, trialsText, upgradeText } from '../demo/print.ts'

export const usage = `okapi-sidecar demo: a small FOLIO on loopback, with a rogue module in it

Usage:
    okapi-sidecar demo [--json] [--stay] [--database]

Starts a stand-in for Okapi, mod-users, mod-notes, mod-authtoken and mod-tags,
each with a sidecar and a certificate made for this run. Makes one call from
module to module. Then mod-tags is hijacked and attacks the others: a table
shows each attack, its outcome and the reason. At the end \`policy diff\` shows
what an upgrade of mod-users with one more route would open. Uses loopback only
and leaves nothing behind.

Options:
    --json    {call, attacks: [{id, target, expected, outcome, reason}],
              upgrade}
    --database
              add a PostgreSQL, where it is installed: mod-tags logs in as
              mod-login past its sidecar and through it
    --stay    keep it running and print curl commands to try; Ctrl-C ends it

Exit codes: 0 every outcome is as expected, 1 one is not

Example:
    okapi-sidecar demo --json | jq '.attacks[] | select(.outcome != .expected)'
`

const INTERRUPTED = 130
const NO_POSTGRES = 'PostgreSQL is not installed here: no database was attacked.\n'

/** Parses options, runs the demo, and ends everything it started, also on Ctrl-C. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      json: { type: 'boolean' },
      stay: { type: 'boolean' },
      database: { type: 'boolean' },
    },
    strict: true,
    allowPositionals: false,
  })
  const stop = new AbortController()
  const interrupt = () => stop.abort(new Error('interrupted'))
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  // The reader of the output is gone, so nothing else would stop the demo.
  process.stdout.on('error', interrupt)
  process.stderr.on('error', interrupt)
  const { tell, done } = progressLine(process.stderr, values.json === true)
  try {
    const { good } = await demo(
      { database: values.database === true },
      tell,
      stop.signal,
      async (shown, cluster) => {
        done()
        process.stdout.write(values.json === true ? json(shown) : text(shown))
        if (values.json === true && shown.noPostgres) process.stderr.write(NO_POSTGRES)
        if (values.stay !== true) return
        process.stdout.write(await playground(cluster))
        if (!stop.signal.aborted) await once(stop.signal, 'abort')
      },
    )
    return good ? 0 : 1
  } catch (error) {
    if (stop.signal.aborted) return INTERRUPTED
    throw error
  } finally {
    done()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

function text({ call, trials, upgrade, noPostgres }: DemoResult): string {
  return `${callText(call)}
Now mod-tags is hijacked. The attacker has its certificate, its key and a token
that was sent to it, and tries:

${trialsText(trials)}
${resultText(trials)}${noPostgres ? NO_POSTGRES : ''}
${upgradeText(upgrade)}`
}

function json({ call, trials, upgrade }: DemoResult): string {
  const attacks = trials.map(({ id, target, expected, outcome, reason }) => {
    return { id, target, expected, outcome, reason }
  })
  return `${JSON.stringify({ call, attacks, upgrade }, null, 2)}\n`
}
