// Compiles what `npm run test:cluster` brings up, from Go modules and by version: etcd, Kubernetes, CoreDNS, the
// controllers of cert-manager. The first time that takes 15 to 35 minutes of CPU time and 6 GB in Go's caches; what is
// compiled stays there, so an interrupted build goes on where it was, and what is built is not built again. What
// cannot be had is one line that begins with `skipped:`; the exit code is 1 then. With `more` it compiles what
// `npm run test:cluster:more` brings up besides.
//
//     npm run cluster-tools [-- more]
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  CLUSTER_CACHE,
  DEFINITIONS,
  definitionPath,
  definitionPaths,
  isNeeded,
  PROGRAMS,
  type ProgramName,
  programPath,
  sourceOf,
  stagingOf,
} from '../test/cluster/programs.ts'

const GO = '1.26.0'

interface Modules {
  readonly Require: readonly { readonly Path: string; readonly Version: string }[]
  readonly Replace: readonly { readonly Old: { readonly Path: string } }[]
}

const started = performance.now()

function seconds(): number {
  return Math.round((performance.now() - started) / 1000)
}

/** Runs `go` without haste: it shares the machine with others. Its own words go to standard error as they come. */
function go(args: readonly string[], cwd: string, more: Readonly<Record<string, string>> = {}) {
  const env = { ...process.env, GOWORK: 'off', GOTOOLCHAIN: 'local', ...more }
  const { status, stdout, error } = spawnSync('nice', ['-n', '19', 'go', ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`go ${args[0]} ended with ${status}`)
  return stdout
}

/** What Kubernetes says of its own modules, with versions in place of the folders of its repository. */
function modulesOfKubernetes(version: string): string[] {
  const module = `k8s.io/kubernetes@v${version}`
  const staging = stagingOf(version)
  const { GoMod }: { GoMod: string } = JSON.parse(go(['mod', 'download', '-json', module], '/'))
  const { Require, Replace }: Modules = JSON.parse(go(['mod', 'edit', '-json', GoMod], '/'))
  const own = new Set(Replace.map(({ Old }) => Old.Path))
  return [
    ...Require.map(({ Path, Version }) => `require ${Path} ${own.has(Path) ? staging : Version}`),
    ...[...own].map((path) => `replace ${path} => ${path} ${staging}`),
  ]
}

const ROUNDS = 5

/** go.mod without what a module wants newer than Kubernetes has: else most of what both have is compiled twice. */
function withoutNewer(folder: string, lines: readonly string[]): void {
  const wanted = new Map(
    lines.flatMap((line): [string, string][] => {
      const [verb, path = '', version = ''] = line.split(' ')
      return verb === 'require' ? [[path, version]] : []
    }),
  )
  const format = '{{with .Module}}{{.Path}} {{.Version}}{{end}}'
  const newer = new Set<string>()
  // Another version may come to the place of one that is left out.
  for (let round = 0; round < ROUNDS; round++) {
    const listed = go(['list', '-mod=mod', '-deps', '-f', format, '.'], folder).split('\n')
    const more = listed.filter((one) => {
      const [path = '', version] = one.split(' ')
      return wanted.has(path) && wanted.get(path) !== version
    })
    if (more.length === 0) return
    for (const one of more) newer.add(`exclude ${one}`)
    writeFileSync(join(folder, 'go.mod'), `${[...lines, ...newer].join('\n')}\n`)
  }
}

function build(name: ProgramName): void {
  const {
    module = '',
    older,
    within = 'okapi-sidecar-test',
    likeKubernetes,
    notNewer,
    alone,
    says = {},
  } = { ...PROGRAMS[name] } as {
    readonly module?: string
    readonly older?: string
    readonly within?: string
    readonly likeKubernetes?: string
    readonly notNewer?: boolean
    readonly alone?: boolean
    readonly says?: Readonly<Record<string, string>>
  }
  // Its own for each run: two may build at once.
  const folder = join(CLUSTER_CACHE, `build-${name}-${process.pid}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  copyFileSync(sourceOf(name), join(folder, 'main.go'))
  const lines = [
    `module ${within}/${name}`,
    `go ${GO}`,
    ...(module === '' ? [] : [`require ${module.replace('@', ' ')}`]),
    ...(older === undefined
      ? []
      : [`replace ${older.split('@')[0]} => ${older.replace('@', ' ')}`]),
    ...(likeKubernetes === undefined ? [] : modulesOfKubernetes(likeKubernetes)),
  ]
  writeFileSync(join(folder, 'go.mod'), `${lines.join('\n')}\n`)
  if (notNewer) withoutNewer(folder, lines)
  const link = ['-s', '-w', ...Object.entries(says).map(([key, value]) => `-X ${key}=${value}`)]
  const args = [
    'build',
    '-mod=mod',
    '-trimpath',
    '-buildvcs=false',
    '-p=2',
    `-ldflags=${link.join(' ')}`,
  ]
  const built = join(folder, name)
  go([...args, '-o', built, '.'], folder, alone ? { CGO_ENABLED: '0' } : {})
  renameSync(built, programPath(name))
  rmSync(folder, { recursive: true, force: true })
}

/** What the API server is told of the resources of operators. */
function bringDefinitions(): void {
  for (const [module, files] of Object.entries(DEFINITIONS)) {
    const { Dir }: { Dir: string } = JSON.parse(go(['mod', 'download', '-json', module], '/'))
    for (const file of files) {
      const to = definitionPath(module, file)
      mkdirSync(dirname(to), { recursive: true })
      copyFileSync(join(Dir, file), to)
    }
  }
}

if (!existsSync(programPath('kube'))) {
  console.log(
    'cluster-tools: a first build takes 15 to 35 minutes of CPU time; interrupted, it goes on where it was',
  )
}
const more = process.argv.slice(2).includes('more')
const names = (Object.keys(PROGRAMS) as ProgramName[]).filter((name) => more || isNeeded(name))
const parts: [string, readonly string[], () => void][] = [
  ['definitions', definitionPaths(), bringDefinitions],
  ...names.map((name): [string, string[], () => void] => [
    name,
    [programPath(name)],
    () => build(name),
  ]),
]
for (const [what, files, make] of parts) {
  const before = seconds()
  try {
    const here = files.every((file) => existsSync(file))
    if (!here) make()
    console.log(
      `${what}: ${here ? 'here' : `built in ${seconds() - before} s`}, after ${seconds()} s`,
    )
  } catch (error) {
    process.exitCode = 1
    const why = error instanceof Error ? error.message.trim().split('\n').slice(0, 3).join(' ') : ''
    console.log(`skipped: ${what} of the cluster: ${why}`)
  }
}
