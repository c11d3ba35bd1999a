// Run once while the image is built, on the image's own base and as its own user: starts a sidecar
// and stops it, so that V8's compiled code is beside the bundle from the first start on. Plain
// JavaScript and nothing but Node, since that is all there is.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const app = process.argv[2] ?? '/app'
const place = mkdtempSync(join(tmpdir(), 'warm-'))
const module = 'mod-users-19.7.0'

function sidecar(...argv) {
  const { status, stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, join(app, 'main.js'), ...argv],
    {
      cwd: place,
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(`okapi-sidecar ${argv.join(' ')}: ${status} ${stderr}`)
}

sidecar('certs', 'init', '--trust-domain', 'folio.test')
sidecar('certs', 'issue', module, '--ip', '127.0.0.1')
cpSync(join(app, 'src/demo/descriptors'), join(place, 'descriptors'), { recursive: true })
const settings = {
  module,
  trustDomain: 'folio.test',
  credentials: { directory: join(place, 'certs-dev', module) },
  ingress: { listen: '127.0.0.1:0' },
  egress: { listen: '127.0.0.1:0', gateway: 'https://127.0.0.1:1' },
  policy: { descriptors: join(place, 'descriptors') },
  admin: { listen: '127.0.0.1:0' },
  status: { listen: '127.0.0.1:0' },
}
writeFileSync(join(place, 'sidecar.yaml'), JSON.stringify(settings), { mode: 0o600 })
sidecar('check')

const child = spawn(process.execPath, [...process.execArgv, join(app, 'main.js'), 'run'], {
  cwd: place,
  stdio: ['ignore', 'pipe', 'inherit'],
})
const ended = new Promise((resolve) => {
  child.on('close', resolve)
})
for await (const line of createInterface({ input: child.stdout })) {
  const { msg, listening } = JSON.parse(line)
  if (msg !== 'ready') continue
  await (await fetch(`http://${listening.admin}/metrics`)).text()
  sidecar('health', `http://${listening.admin}`)
  child.kill('SIGTERM')
}
const code = await ended
rmSync(place, { recursive: true, force: true })
if (code !== 0) throw new Error(`run ended with ${code}`)

// In the image they are root's, and Node wrote them for their owner alone.
const cache = join(app, 'cache')
for (const entry of readdirSync(cache, { recursive: true, withFileTypes: true })) {
  if (entry.isFile()) chmodSync(join(entry.parentPath, entry.name), 0o644)
}
if (process.env.COMPILED === 'no') rmSync(cache, { recursive: true })
