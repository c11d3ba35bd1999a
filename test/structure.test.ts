import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import test from 'ava'

const SRC = new URL('../src/', import.meta.url).pathname

/** Every room may import these. */
const LEAVES = ['folio', 'refusal', 'fault', 'html', 'memory']

/** What the sidecar is wired of. */
const SERVING = [
  ...['listeners', 'proxy', 'postgres', 'kafka', 'credentials', 'observe', 'config', 'policy'],
  ...['trust', 'transport', 'wire', 'audit'],
]

/** Which room imports which: what a room may import beside itself and the leaves. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['cli'],
  cli: ['analysis', 'sidecar', ...SERVING, ...['x509', 'pki', 'probe', 'demo']],
  sidecar: SERVING,
  listeners: ['proxy', 'policy', 'wire', 'transport', 'observe', 'config'],
  refusal: [],
  folio: [],
  fault: [],
  html: [],
  memory: [],
  config: [],
  x509: [],
  trust: ['x509'],
  credentials: ['trust', 'x509'],
  policy: [],
  analysis: ['policy'],
  transport: [],
  wire: [],
  proxy: ['wire', 'policy', 'transport', 'observe', 'audit'],
  postgres: ['transport'],
  kafka: ['transport', 'policy'],
  observe: [],
  audit: [],
  pki: ['trust', 'x509'],
  probe: ['pki', 'x509'],
  demo: ['pki', 'probe'],
}

/** What `run` must not load, whichever way it would come in. */
const NEVER_RUN = ['analysis', 'pki', 'probe', 'demo']

interface Import {
  /** From `src/`. */
  readonly from: string
  readonly to: string
  /** Gone at run time. */
  readonly typeOnly: boolean
  /** Loaded only when it is reached. */
  readonly lazy: boolean
}

const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)
const IMPORTS = FILES.flatMap(importsOf)

/** `import`, `export ... from` and `import()` of files of this repository. */
function importsOf(from: string): Import[] {
  const text = readFileSync(join(SRC, from), 'utf8')
  const pattern =
    /^(import|export)(\s+type\b)?[^'"`;]*?from\s+'(\.[^']+)'|^import\s+'(\.[^']+)'|\bimport\(\s*'(\.[^']+)'/gm
  return [...text.matchAll(pattern)].flatMap(([, , type, named, bare, lazy]) => {
    const path = named ?? bare ?? lazy ?? ''
    const to = relative(SRC, join(SRC, dirname(from), path))
    if (to.startsWith('..')) return []
    return [{ from, to, typeOnly: type !== undefined, lazy: lazy !== undefined }]
  })
}

/** `src/sidecar.ts` and `src/sidecar/**` are one room; `src/main.ts` is one of its own. */
function roomOf(file: string): string {
  return file.split('/')[0]!.replace(/\.ts$/, '')
}

test('every file stands in a room that has its arrows', (t) => {
  t.true(FILES.length > 100)
  const rooms = new Set(FILES.map(roomOf))
  t.deepEqual(
    [...rooms].filter((room) => MAY_IMPORT[room] === undefined),
    [],
  )
})

test('every import line was read: as many as the files have', (t) => {
  const lines = FILES.map((file) => readFileSync(join(SRC, file), 'utf8')).join('\n')
  const written = lines.match(/(?:from|^import|\bimport\()\s*'\.[^']*'/gm) ?? []
  const outside =
    lines.match(/'(?:\.\.\/)+(?:package|sidecar|grants|docs)[^']*\.(?:json|yaml)'/g) ?? []
  t.true(written.length > 300)
  t.true(IMPORTS.length <= written.length && IMPORTS.length >= written.length - outside.length)
})

test('an import goes only where an arrow goes', (t) => {
  const astray = IMPORTS.filter(({ from, to }) => {
    const [here, there] = [roomOf(from), roomOf(to)]
    return here !== there && !LEAVES.includes(there) && !MAY_IMPORT[here]?.includes(there)
  })
  t.deepEqual(
    astray.map(({ from, to }) => `${from} -> ${to}`),
    [],
  )
})

test('leaves import nothing but themselves, and only `refusal` and `fault` stand for all', (t) => {
  const leaves = [...LEAVES, 'x509']
  const out = IMPORTS.filter(
    ({ from, to }) => leaves.includes(roomOf(from)) && roomOf(to) !== roomOf(from),
  )
  t.deepEqual(
    out.map(({ from, to }) => `${from} -> ${to}`),
    [],
  )
})

test('only src/sidecar.ts, its room and the verbs may import every room', (t) => {
  const knowing = IMPORTS.filter(
    ({ from, to }) => roomOf(to) === 'sidecar' && !['sidecar', 'cli'].includes(roomOf(from)),
  )
  t.deepEqual(knowing, [])
})

test('verbs are loaded lazily', (t) => {
  const eager = IMPORTS.filter(
    ({ from, lazy, typeOnly }) => from === 'cli/verbs.ts' && !lazy && !typeOnly,
  )
  t.deepEqual(eager, [])
  t.true(
    IMPORTS.some(({ from, to, lazy }) => from === 'cli/verbs.ts' && to === 'cli/run.ts' && lazy),
  )
})

/** Everything that is loaded when this file is, types aside; and what it may load later, unless told otherwise. */
function loadedWith(file: string, later = true): Set<string> {
  const loaded = new Set([file])
  for (const each of loaded) {
    for (const { from, to, typeOnly, lazy } of IMPORTS) {
      if (from === each && !typeOnly && (later || !lazy)) loaded.add(to)
    }
  }
  return loaded
}

test('`run` never loads what explains policy, makes certificates, attacks or demonstrates', (t) => {
  const loaded = loadedWith('cli/run.ts')
  t.true(loaded.has('sidecar.ts') && loaded.has('wire/exchange.ts'))
  t.deepEqual(
    [...loaded].filter((file) => NEVER_RUN.includes(roomOf(file))),
    [],
  )
})

test('the code of the database and the Kafka leg is loaded where they are configured', (t) => {
  const legs = [
    'sidecar/legs/databases.ts',
    'sidecar/legs/kafka.ts',
    'postgres/session.ts',
    'kafka/frames.ts',
  ]
  const [atOnce, later] = [loadedWith('cli/run.ts', false), loadedWith('cli/run.ts')]
  t.deepEqual(
    legs.filter((file) => atOnce.has(file) || !later.has(file)),
    [],
  )
  // The rules are policy, and read with it.
  const rules = [...atOnce].filter((file) => ['postgres', 'kafka'].includes(roomOf(file)))
  t.deepEqual(rules.sort(), ['kafka/name-pattern.ts', 'kafka/rules.ts'])
})

test('the probe judges with eyes of its own', (t) => {
  const loaded = [...loadedWith('probe/attacks.ts')].map(roomOf)
  t.true(loaded.includes('probe'))
  for (const accused of ['wire', 'proxy', 'policy', 'trust', 'transport']) {
    t.false(loaded.includes(accused), accused)
  }
})

test('an error listener of a socket destroys it: Node leaves a socket open whose TLS is broken', (t) => {
  const running = FILES.filter((file) => !['demo', 'probe'].includes(roomOf(file)))
  const silent = running.filter((file) =>
    /'error', (?:\(\w*\)|\w+) => (?:\{\s*\}|undefined|void 0)\)/.test(
      readFileSync(join(SRC, file), 'utf8'),
    ),
  )
  t.deepEqual(silent, [])
})

test('no file of src is longer than 300 lines', (t) => {
  const long = FILES.filter((file) => {
    const lines = readFileSync(join(SRC, file), 'utf8').split('\n').length - 1
    return lines > 300
  })
  t.deepEqual(long, [])
})

test('an exported name of a type means one thing in the whole tree', (t) => {
  const places = new Map<string, string[]>()
  for (const path of FILES) {
    const text = readFileSync(join(SRC, path), 'utf8')
    for (const [, name = ''] of text.matchAll(
      /^export (?:abstract )?(?:interface|type|class) (\w+)/gm,
    )) {
      places.set(name, [...(places.get(name) ?? []), path])
    }
  }
  t.true(places.size > 500)
  t.deepEqual(
    [...places].filter(([, files]) => files.length > 1),
    [],
  )
})

test('an exported value is imported by some other file', (t) => {
  const root = new URL('../', import.meta.url).pathname
  const sources = ['src', 'test', 'bench', 'chaos', 'fuzz', 'soak', 'scripts'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  )
  /** By file, the names that others import of it; `*`: all. */
  const imported = new Map<string, Set<string>>()
  const note = (from: string, path: string, names: readonly string[]) => {
    const to = join(dirname(from), path)
    imported.set(to, new Set([...(imported.get(to) ?? []), ...names]))
  }
  for (const file of sources) {
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, names = '', path = ''] of text.matchAll(
      /^(?:import|export)(?: type)? (\{[^}]*\}|\*(?: as \w+)?) from '(\.[^']+)'/gm,
    )) {
      note(file, path, names.startsWith('*') ? ['*'] : (names.match(/\w+(?= as |,|\s*\})/g) ?? []))
    }
    for (const [, path = ''] of text.matchAll(/(?:import\(|new URL\()\s*'(\.[^']+\.ts)'/g)) {
      note(file, path, ['*'])
    }
  }
  const alone = FILES.flatMap((path) => {
    const names = imported.get(join('src', path)) ?? new Set()
    if (names.has('*')) return []
    const text = readFileSync(join(SRC, path), 'utf8')
    const exported = /^export (?:abstract )?(?:async )?(?:const|let|function\*?|class) (\w+)/gm
    return [...text.matchAll(exported)].flatMap(([, name = '']) =>
      names.has(name) ? [] : [`${path}: ${name}`],
    )
  })
  t.true(imported.size > 500)
  t.deepEqual(alone, [])
})

test('no library is imported lazily: one that is CommonJS would lose its names in the bundle', (t) => {
  const lazy = FILES.filter((file) =>
    /\bimport\('(?!\.|node:)/.test(readFileSync(join(SRC, file), 'utf8')),
  )
  t.deepEqual(lazy, [])
})

test('a thread that serves loads nothing that reads configuration or watches files', (t) => {
  const loaded = loadedWith('sidecar/workers/thread.ts')
  t.true(loaded.has('wire/exchange.ts') && loaded.has('credentials/handed.ts'))
  const never = ['config/load.ts', 'config/schema.ts', 'config/document.ts', 'sidecar.ts']
  const watching = ['credentials/directory.ts', 'credentials/read-folder.ts']
  t.deepEqual(
    [...never, ...watching, 'observe/health.ts'].filter((file) => loaded.has(file)),
    [],
  )
})

/** Everything that an import leads to from this file, types and lazy ones included. */
function reachedFrom(file: string): Set<string> {
  const reached = new Set<string>()
  const open = [file]
  for (const each of open) {
    for (const { to } of IMPORTS.filter(({ from }) => from === each)) {
      if (reached.has(to)) continue
      reached.add(to)
      open.push(to)
    }
  }
  return reached
}

test('a file is excepted from noImportCycles in biome.json only while it is in a circle', (t) => {
  const { overrides } = JSON.parse(readFileSync(join(SRC, '../biome.json'), 'utf8'))
  const excepted: string[] = overrides
    .filter((one: { linter: unknown }) => JSON.stringify(one.linter).includes('noImportCycles'))
    .flatMap(({ includes }: { includes: string[] }) => includes)
  const needless = excepted
    .map((name) => name.replace(/^src\//, ''))
    .filter((name) => !reachedFrom(name).has(name))
  t.deepEqual(needless, [])
})
