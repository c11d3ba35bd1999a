import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { withTool } from '../support/scenario/tools.ts'
import { MATRIX, MODULE, PLACE, podSpecs, render, sidecarOf } from './render.ts'

// What Node is started with decides how much memory a sidecar takes (docs/performance.md). The image
// says it once, and other ways of starting the program say the same.
const ROOT = join(import.meta.dirname, '..', '..')
const withHelm = withTool('helm')

test.after.always(() => rmSync(PLACE, { recursive: true, force: true }))

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** What stands between the program `node` and the script that it runs. */
function flagsIn(line: string | undefined): string[] {
  const [, between = ''] =
    /node"?,? +(.*?) *"?(?:\S*(?:main|warm)\.(?:js|ts)|\$main)/.exec(line ?? '') ?? []
  return between.match(/--[\w-]+(?:=\w+)?/g) ?? []
}

const lineOf = (file: string, begins: RegExp) =>
  read(file)
    .split('\n')
    .find((line) => begins.test(line))

const FLAGS = flagsIn(lineOf('Dockerfile', /^ENTRYPOINT /))

test('the image starts Node with a small young generation', (t) => {
  t.true(FLAGS.includes('--expose-gc'))
  t.true(FLAGS.some((flag) => flag.startsWith('--max-semi-space-size=')))
})

test('every way of starting it tells OpenSSL to give no session tickets', (t) => {
  t.truthy(lineOf('Dockerfile', /^ENV OPENSSL_CONF=\/app\/openssl\.cnf$/))
  const unit = 'deploy/systemd/okapi-sidecar@.service'
  t.truthy(lineOf(unit, /^Environment=OPENSSL_CONF=\/opt\/okapi-sidecar\/openssl\.cnf$/))
  t.truthy(
    lineOf('bin/okapi-sidecar', /^export OPENSSL_CONF="\$\{OPENSSL_CONF:-\$here\/openssl\.cnf\}"$/),
  )
  t.truthy(lineOf('.dockerignore', /^!openssl\.cnf$/))
  t.regex(read('scripts/bundle.ts'), /'openssl\.cnf'/)
})

const STARTS: readonly [string, string, RegExp][] = [
  [
    'the compiled code of the image, which V8 refuses under other flags',
    'Dockerfile',
    /^RUN .*warm/,
  ],
  ['the unit of systemd', 'deploy/systemd/okapi-sidecar@.service', /^ExecStart=/],
  ['the program of npm', 'bin/okapi-sidecar', /^exec .*"\$node"/],
]
for (const [what, file, begins] of STARTS) {
  test(`as the image does: ${what}`, (t) => {
    const line = lineOf(file, begins)?.replace('"$node"', 'node')
    t.deepEqual(flagsIn(line), FLAGS, line)
  })
}

test('the flags are seen in whatever way they are written', (t) => {
  t.deepEqual(flagsIn('ENTRYPOINT ["node", "--a", "--b=1", "/app/main.js"]'), ['--a', '--b=1'])
  t.deepEqual(flagsIn('exec node --a --b=1 "$here/src/main.ts" "$@"'), ['--a', '--b=1'])
  t.deepEqual(flagsIn('ExecStart=/usr/bin/node /opt/okapi-sidecar/main.js run'), [])
})

for (const [what, values] of Object.entries(MATRIX)) {
  withHelm(`the chart leaves the start to the image: ${what}`, async (t) => {
    for (const pod of podSpecs(await render(values))) {
      const ours = [...(pod.initContainers ?? []), ...pod.containers].filter(({ image }) =>
        image.startsWith('okapi-sidecar'),
      )
      for (const { name, command, env } of ours) {
        t.is(command, undefined, name)
        t.is(env, undefined, 'NODE_OPTIONS would be another place for flags')
      }
    }
    t.pass()
  })
}

withHelm('the chart leaves the program to the image and only says run', async (t) => {
  const [pod] = podSpecs(await render(MODULE))
  t.deepEqual(sidecarOf(pod!).args?.slice(0, 1), ['run'])
})

test('compose leaves the start of sidecars to the image', (t) => {
  const { services } = parse(read('compose.yaml'), { merge: true }) as {
    services: Record<string, { entrypoint?: string[]; command?: string[] }>
  }
  const sidecars = Object.entries(services).filter(([name]) => name.endsWith('-sidecar'))
  t.is(sidecars.length, 3)
  for (const [name, { entrypoint, command }] of sidecars) {
    t.is(entrypoint, undefined, name)
    t.is(command?.[0], 'run')
  }
})

test('no page tells anybody to run a sidecar without them', (t) => {
  const folders = ['docs', 'deploy', 'deploy/systemd', 'deploy/compose', 'examples']
  const files = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(folder, name)),
  )
  const pages = ['README.md', 'compose.yaml', 'Dockerfile', ...files]
  t.true(pages.length > 20)
  for (const page of pages) {
    for (const line of read(page).split('\n')) {
      if (/node\b.* \S*main\.(js|ts)"?,? "?run\b/.test(line))
        t.deepEqual(flagsIn(line), FLAGS, page)
    }
  }
})
