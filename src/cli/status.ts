import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { decodeText, readNamedText } from '../fault/text-file.ts'
import { Fault, fault, sentence } from '../fault.ts'
import { ask, askAll } from './status/asking.ts'
import { manyPage } from './status/many-page.ts'
import { manyText, worst } from './status/many-text.ts'
import { statusText } from './status/one.ts'
import { type AskedSidecar, SOURCES_HINT, sourcesIn } from './status/sources.ts'
import { writePage } from './write.ts'

const DEFAULT_URL = 'http://127.0.0.1:9902'
const WATCH_MS = 2000
/** Standard input, as a file. */
const STDIN = 0

export const usage = `okapi-sidecar status: the status of one sidecar, or of many, in a terminal

Usage:
    okapi-sidecar status [URL] [--watch] [--json]
    okapi-sidecar status URL URL ... | --from FILE
                         [--watch] [--json] [--html FILE]

For one sidecar it prints what the status page shows: the module, its
certificate, the callers, and what was refused and why. URL is that of the
status listener, by default ${DEFAULT_URL}.

For several it prints one line each, those with problems first. A URL is that of
a status listener or of an admin listener, which other hosts can reach too.

Options:
    --from FILE   the URLs, one a line; or what kubectl or docker compose print
                  as JSON (- is standard input)
    --watch       again every two seconds, until Ctrl-C
    --json        everything, for scripts
    --html FILE   the same table as a page of its own

Exit codes: 0 all are ready, 1 one is not, 2 wrong usage, or no answer at the
only URL

Example:
    okapi-sidecar status --watch
    kubectl get pods -l app.kubernetes.io/component=okapi-sidecar -o json |
        okapi-sidecar status --from -
`

interface Choice {
  readonly watch?: boolean | undefined
  readonly json?: boolean | undefined
  readonly html?: string | undefined
}

/** Queries one status listener, or many listeners. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      watch: { type: 'boolean' },
      json: { type: 'boolean' },
      from: { type: 'string' },
      html: { type: 'string' },
    },
    allowPositionals: true,
  })
  const listed = values.from === undefined ? [] : read(values.from)
  const typed = positionals.length > 0 || values.from !== undefined ? positionals : [DEFAULT_URL]
  const sources = [...typed.map((url) => ({ url, name: url })), ...listed]
  const many = values.from !== undefined || values.html !== undefined || sources.length > 1
  const look = many ? () => lookAtMany(sources, values) : () => lookAtOne(sources[0]!.url, values)
  for (;;) {
    const { text, ready } = values.watch ? await look().catch(told) : await look()
    if (values.watch && process.stdout.isTTY) process.stdout.write('\u001b[2J\u001b[H')
    process.stdout.write(text)
    if (!values.watch || process.stdout.destroyed) return ready ? 0 : 1
    await pause(WATCH_MS)
  }
}

/** With `--watch` an error must not end the command: users want to see the sidecar come back. */
function told(error: unknown): Seen {
  if (!(error instanceof Fault)) throw error
  return { text: `${error.problems.map(sentence).join('\n')}\n`, ready: false }
}

interface Seen {
  readonly text: string
  readonly ready: boolean
}

async function lookAtOne(url: string, { json: asJson }: Choice): Promise<Seen> {
  const facts = await ask(url)
  return { text: asJson ? `${JSON.stringify(facts)}\n` : statusText(facts), ready: facts.ready }
}

async function lookAtMany(sources: readonly AskedSidecar[], choice: Choice): Promise<Seen> {
  const seen = worst(await askAll(sources))
  if (choice.html !== undefined) writePage(choice.html, manyPage(seen, new Date()))
  const ready = seen.every(({ state }) => state === 'ready')
  return { text: choice.json ? `${JSON.stringify(seen)}\n` : manyText(seen), ready }
}

function read(file: string): readonly AskedSidecar[] {
  const isInput = file === '-'
  const text = isInput ? decodeText(readFileSync(STDIN), 'standard input') : readNamedText(file)
  const sources = sourcesIn(text, isInput ? undefined : file)
  if (sources.length > 0) return sources
  throw fault(`${isInput ? 'standard input' : file} names no sidecar`, { hint: SOURCES_HINT })
}
