import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// Before PATH is read: with it helm is found that `npm run chart-tools` has built.
import '../helm/tools.ts'

/** Everything of one run: files, names of containers, networks and pods. */
export const PLACE = mkdtempSync(join(tmpdir(), 'sidecar-pod-'))
export const PREFIX = `sidecar-pod-${process.pid}`

/**
 * Root without CAP_SYS_RESOURCE may not raise limits, and crun knows no hybrid cgroups: this asks for
 * neither.
 */
const CONF = join(PLACE, 'containers.conf')
writeFileSync(
  CONF,
  `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
`,
)

const { PATH: everything = '' } = process.env
/** npm puts an `nft` of its own (a file tracer) before the one that is meant. */
const PATH = everything
  .split(':')
  .filter((folder) => !folder.endsWith('node_modules/.bin'))
  .join(':')

/** How a program ended, and what it said. */
export interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Runs a program to its end; the code is told, not thrown. */
export function run(
  file: string,
  args: readonly string[],
  more: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Said> {
  const { promise, resolve } = Promise.withResolvers<Said>()
  const env = { ...process.env, PATH, CONTAINERS_CONF: CONF, ...more.env }
  const options = { env, maxBuffer: 2 ** 27, encoding: 'utf8' } as const
  const child = execFile(file, args, options, (error, out, err) => {
    const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
    resolve({ code, out, err: err || (error?.message ?? '') })
  })
  child.stdin?.end(more.input)
  return promise
}

/** Runs it and wants it to end well; resolves to what it wrote. */
export async function must(file: string, ...args: string[]): Promise<string> {
  const { code, out, err } = await run(file, args)
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${code}\n${out}${err}`)
  return out.trim()
}

export const podman = (...args: string[]) => must('podman', ...args)

/** What is not on this machine, or is not allowed here; undefined where everything is. */
export function missing(...tools: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'this user is not root'
  const HOW: Readonly<Record<string, string>> = {
    helm: 'version',
    ip: '-V',
    kubectl: 'help',
    openssl: 'version',
  }
  for (const tool of tools) {
    try {
      execFileSync(tool, [HOW[tool] ?? '--version'], {
        stdio: 'ignore',
        env: { ...process.env, PATH },
      })
    } catch {
      return `${tool} is not here`
    }
  }
  return undefined
}

/** Why there can be no network namespaces with rules of their own; undefined where there can. */
export async function whyNoNamespaces(): Promise<string | undefined> {
  const why = missing('ip', 'nft', 'setpriv')
  if (why !== undefined) return why
  const name = `${PREFIX}-try`
  const added = await run('ip', ['netns', 'add', name])
  const listed = await run('ip', ['netns', 'exec', name, 'nft', 'list', 'ruleset'])
  await run('ip', ['netns', 'delete', name])
  const bad = [added, listed].find(({ code }) => code !== 0)
  return bad === undefined ? undefined : `not on this machine: ${bad.err.trim()}`
}

/** Takes away what this run has made, and nothing else. */
export async function cleanUp(): Promise<void> {
  // What an earlier build of the image left without a name.
  const ours = 'label=org.opencontainers.image.title=okapi-sidecar'
  await run('podman', ['image', 'prune', '-f', '--filter', ours])
  const pods = await run('podman', ['pod', 'ls', '-q', '--filter', `name=^${PREFIX}`])
  for (const pod of pods.out.split('\n').filter(Boolean)) {
    await run('podman', ['pod', 'rm', '-f', '-t', '1', pod])
  }
  const networks = await run('podman', ['network', 'ls', '-q', '--filter', `name=^${PREFIX}`])
  for (const network of networks.out.split('\n').filter(Boolean)) {
    await run('podman', ['network', 'rm', '-f', network])
  }
}
