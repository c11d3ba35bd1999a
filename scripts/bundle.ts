// Writes dist/: what the image holds, and all that is needed to run anywhere with nothing but Node.
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BROWSER = 'src/html/browser'
const outFlag = process.argv.indexOf('--out')
const DIST = outFlag < 0 ? join(ROOT, 'dist') : process.argv[outFlag + 1]!

// Libraries that are CommonJS ask for `require`, which a module does not have.
const REQUIRE =
  "import{createRequire as sidecarRequire}from'node:module';const require=sidecarRequire(import.meta.url);"

// Compiled code is kept beside the bundle where the build warmed it (Dockerfile), else in
// NODE_COMPILE_CACHE; a cache that cannot be written is no error.
const LAUNCHER = `#!/usr/bin/env node
import { existsSync } from 'node:fs'
import module from 'node:module'

// An older Node would fail with a riddle, or on the first request.
if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error('okapi-sidecar: error: Node 24 or newer is needed, this is ' + process.versions.node)
  process.exit(2)
}
const cache = new URL('cache', import.meta.url)
if (existsSync(cache)) module.enableCompileCache(cache.pathname)
await import('./src/main.js')
`

/**
 * Parts of libraries that nothing here uses, but that load Node's HTTPS client, zlib and `assert` at
 * every start: pino's transports and its stream to a file, prom-client's push gateway, cluster and
 * default metrics. Its summaries are left out for their size.
 */
const UNUSED =
  /\/(?:pino\/lib\/transport|sonic-boom\/index|prom-client\/lib\/(?:pushgateway|cluster|defaultMetrics|summary))\.js$/
const unused: Plugin = {
  name: 'unused',
  setup({ onLoad }) {
    // A use that was overlooked fails loudly.
    const contents = `module.exports = class { constructor() { throw new Error('left out') } }`
    onLoad({ filter: UNUSED }, () => ({ contents }))
  },
}

const RUN = 'src/cli/run.ts'
const SERVING = 'src/sidecar/serving.ts'

/** Verbs that are called again and again, in pods too: they load what they need and no more. */
const LEAN = ['health', 'status', 'leave']

/** From the root, every file that is loaded when it is reached. */
const loadedLater = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .flatMap((name) => {
    const text = readFileSync(join(ROOT, 'src', name), 'utf8')
    const imports = text.matchAll(/\bimport\('(\.[^']+\.ts)'\)/g)
    return Array.from(imports, ([, to = '']) => join('src', dirname(name), to))
  })

/**
 * esbuild makes a file for each set of entry points that have code in common. With a set for every verb `run` was
 * spread over 57 files, and what Node did to find them cost 9 MB. So what is loaded later loads what `run`, or a
 * thread that serves, has loaded: then that stands in a few files.
 */
const together: Plugin = {
  name: 'together',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/(?:cli|sidecar)[/.].*\.ts$/ }, ({ path }) => {
      const file = relative(ROOT, path)
      if (!loadedLater.includes(file)) return undefined
      if (file === RUN || LEAN.some((verb) => file === `src/cli/${verb}.ts`)) return undefined
      const before = file.startsWith('src/cli/') ? RUN : SERVING
      const contents = `${readFileSync(path, 'utf8')}\nimport '${join(ROOT, before)}'\n`
      return { contents, loader: 'ts', resolveDir: dirname(path) }
    })
  },
}

/** Every member of the demo is a process of its own, and so an entry point. */
const demoProcesses = readdirSync(join(ROOT, 'src/demo'))
  .filter((name) => /^(?:mod-.*|okapi-stand-in|exit-with-parent)\.ts$/.test(name))
  .map((name) => `src/demo/${name}`)

rmSync(DIST, { recursive: true, force: true })
mkdirSync(DIST, { recursive: true, mode: 0o755 })
const { warnings, metafile } = await build({
  absWorkingDir: ROOT,
  // A thread begins in a file of its own (src/sidecar/worker-file.ts).
  entryPoints: ['src/main.ts', 'src/sidecar/workers/thread.ts', ...demoProcesses],
  outdir: join(DIST, 'src'),
  outbase: 'src',
  // Chunks lie as deep below dist/ as rooms below the project: `../../grants` holds in both.
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  // Not minified: what runs beside every module should be readable where it runs, traces too.
  metafile: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  plugins: [unused, together],
  banner: { js: REQUIRE },
  logLevel: 'warning',
})
if (warnings.length > 0) process.exitCode = 1

// V8 keeps a text of ASCII in half the memory: one dash in a comment of a library cost 0.6 MB.
for (const file of Object.keys(metafile.outputs).filter((path) => path.endsWith('.js'))) {
  const path = join(ROOT, file)
  const escaped = readFileSync(path, 'utf8').replace(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  writeFileSync(path, escaped)
}

const { name, version, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const manifest = { name, version, license, type: 'module' }
writeFileSync(join(DIST, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
writeFileSync(join(DIST, 'main.js'), LAUNCHER, { mode: 0o755 })
for (const path of [
  'grants',
  'src/demo/descriptors',
  'sidecar.schema.json',
  'openssl.cnf',
  'LICENSE',
]) {
  cpSync(join(ROOT, path), join(DIST, path), { recursive: true })
}
// Scripts that run in a browser are put into pages as they are (src/html/page.ts).
for (const file of readdirSync(join(ROOT, BROWSER)).filter((path) => path.endsWith('.js'))) {
  cpSync(join(ROOT, BROWSER, file), join(DIST, BROWSER, file))
}

/** MIT and its kin ask for their text beside every copy. */
const libraries = new Set(
  Object.keys(metafile.inputs).flatMap(
    (path) => /^(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  ),
)
mkdirSync(join(DIST, 'licenses'))
for (const path of [...libraries].sort()) {
  const file = readdirSync(join(ROOT, path)).find((entry) => /^licen[cs]e/i.test(entry))
  if (file === undefined) throw new Error(`${path} has no licence file`)
  const copy = path.replace('node_modules/', '').replace('/', '+')
  cpSync(join(ROOT, path, file), join(DIST, 'licenses', `${copy}.txt`))
}

// What others may write no sidecar takes, and the umask of the build is no part of the product.
const entries = readdirSync(DIST, { recursive: true, withFileTypes: true })
for (const entry of entries) {
  const runs = entry.isDirectory() || entry.name === 'main.js'
  chmodSync(join(entry.parentPath, entry.name), runs ? 0o755 : 0o644)
}

const files = entries.filter((entry) => entry.isFile())
const bytes = files.reduce(
  (sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size,
  0,
)
console.log(`${DIST}: ${files.length} files, ${Math.round(bytes / 1024)} KiB`)
