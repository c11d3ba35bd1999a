import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { knownVerbs } from '../../src/cli/completion.ts'
import { VERBS } from '../../src/cli/verbs.ts'
import { runTool, withTool } from '../support/scenario/tools.ts'
import { typed } from '../support/typed.ts'

const place = mkdtempSync(join(tmpdir(), 'completion-'))
test.after.always(() => rmSync(place, { recursive: true }))

async function script(shell: string): Promise<string> {
  const { code, stdout, stderr } = await typed(['completion', shell])
  if (code !== 0) throw new Error(stderr)
  const file = join(place, shell)
  writeFileSync(file, stdout)
  return file
}

/** A line as far as it was typed, and what a shell offers for its last word. */
const LINES = [
  ['okapi-sidecar ce', ['certs']],
  ['okapi-sidecar certs i', ['init', 'issue']],
  ['okapi-sidecar certs issue --trust', ['--trust-domain']],
  ['okapi-sidecar policy matrix --bl', ['--blast-radius']],
  ['okapi-sidecar completion ', ['bash', 'fish', 'zsh']],
  ['okapi-sidecar help disc', ['discovery']],
  ['okapi-sidecar run --sta', []],
  ['okapi-sidecar certs init is', []],
  ['okapi-sidecar certs rollover le', ['leaves']],
  ['okapi-sidecar certs rollover ', ['finish', 'leaves', 'start', 'status']],
  ['okapi-sidecar certs rollover start le', []],
] as const

withTool('bash')('bash completes verbs, subcommands and options', async (t) => {
  const file = await script('bash')
  for (const [line, offered] of LINES) {
    const words = line.split(' ')
    const run = `source ${file}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
      COMP_CWORD=${words.length - 1}; _okapi_sidecar; printf '%s\n' "\${COMPREPLY[@]}"`
    const { out, err } = await runTool('bash', ['--norc', '-c', run])
    t.deepEqual(out.split('\n').filter(Boolean).sort(), [...offered], `${line}: ${err}`)
  }
  const { out } = await runTool('bash', [
    '--norc',
    '-c',
    `source ${file}; complete -p okapi-sidecar`,
  ])
  t.is(out, 'complete -o bashdefault -o default -F _okapi_sidecar okapi-sidecar\n')
})

withTool('fish')('fish completes verbs, subcommands and options', async (t) => {
  const file = await script('fish')
  for (const [line, offered] of LINES) {
    const run = `source ${file}; complete -C ${JSON.stringify(line)}`
    const { out, err } = await runTool('fish', ['--no-config', '-c', run])
    // Where it knows nothing it offers files.
    const names = out.split('\n').map((one) => one.split('\t', 1)[0]!)
    const ours = names.filter((name) => /^(--)?[a-z-]+$/.test(name)).sort()
    t.deepEqual(ours, [...offered], `${line}: ${err}`)
  }
})

withTool('zsh')('zsh completes verbs, subcommands and options', async (t) => {
  const file = await script('zsh')
  // A terminal of its own: completion exists only where a person types.
  const typed = join(place, 'typed')
  writeFileSync(
    typed,
    `zmodload zsh/zpty; zpty shell zsh -f -i
see() {
  local part all
  repeat 600; do
    zpty -r -t shell part && all+=$part
    [[ $all == *"$1"* ]] && { print -r "$1"; return }
    sleep 0.1
  done
  print -r "never saw $1: $all"
}
zpty -w shell 'autoload -Uz compinit; compinit -u -D; source ${file}; print REA""DY'
see READY
zpty -w shell 'okapi-sidecar() { print -r "<$*>" }; print DEFI""NED'
see DEFINED
zpty -w -n shell $'okapi-sidecar cert\tis\t--trust\t\n'
see '<certs issue --trust-domain>'
zpty -w -n shell $'okapi-sidecar policy matrix --blast\t\n'
see '<policy matrix --blast-radius>'
zpty -w -n shell $'okapi-sidecar certs roll\tle\t--pee\t\n'
see '<certs rollover leaves --peers>'
zpty -d shell
`,
  )
  const { out } = await runTool('zsh', ['-f', typed])
  const seen = [
    'READY',
    'DEFINED',
    '<certs issue --trust-domain>',
    '<policy matrix --blast-radius>',
    '<certs rollover leaves --peers>',
  ]
  t.deepEqual(out.split('\n'), [...seen, ''])
})

const CLI = new URL('../../src/cli/', import.meta.url).pathname

/** The options that the sources of a verb parse. */
function parsedBy(verb: string): Set<string> {
  const own = readdirSync(CLI, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file === `${verb}.ts` || (file.startsWith(`${verb}/`) && file.endsWith('.ts')),
  )
  const text = own.map((file) => readFileSync(join(CLI, file), 'utf8')).join('\n')
  const option = /(?<=[\s{])'?([a-z][a-z0-9-]*)'?: \{\s*type: '(?:string|boolean)'/g
  return new Set([...text.matchAll(option)].map(([, name]) => `--${name}`))
}

test('usage texts and completion know every option that a verb parses, and no other', async (t) => {
  const verbs = await knownVerbs(VERBS)
  t.deepEqual(
    verbs.map(({ verb }) => verb),
    [...Object.keys(VERBS), 'help'],
  )
  for (const { verb, options } of verbs) {
    if (verb === 'help') continue
    const parsed = [...parsedBy(verb), '--help'].sort()
    t.deepEqual(options.map(({ name }) => name).sort(), parsed, verb)
  }
})

test('a usage text fits 80 columns and has an example', async (t) => {
  const wide: string[] = []
  for (const [verb, { load }] of Object.entries(VERBS)) {
    const { usage } = await load()
    wide.push(...usage.split('\n').filter((line) => line.length > 80))
    t.regex(usage, /^Example:\n {4}(okapi-sidecar|source)/m, verb)
    t.regex(usage, new RegExp(`^okapi-sidecar ${verb}: `), verb)
  }
  t.deepEqual(wide, [])
})
