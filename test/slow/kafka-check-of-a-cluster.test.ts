import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sharedKafka } from '../support/kafka-broker.ts'
import { withKafka } from '../support/kafka-java.ts'
import { KafkaSidecar } from '../support/kafka-sidecar.ts'
import { typed } from '../support/typed.ts'

const cluster = sharedKafka()

withKafka('what acls prints is what check finds, and nothing beyond', async (t) => {
  const kafka = await cluster()
  const sidecar = await KafkaSidecar.start(t, kafka)
  const file = join(sidecar.directory, '..', 'sidecar.json')
  const admin = join(sidecar.directory, '..', 'admin')
  mkdirSync(admin, { mode: 0o700 })
  const leaf = await kafka.ca.issue({ cn: 'kafka' })
  writeFileSync(join(admin, 'tls.key'), leaf.keyPem, { mode: 0o600 })
  writeFileSync(join(admin, 'tls.crt'), leaf.chainPem)
  const check = async (...more: string[]) => {
    const said = await typed(['kafka', 'check', '-c', file, '--tenant', 'diku', ...more])
    return { ...said, found: said.stdout.startsWith('{') ? JSON.parse(said.stdout) : undefined }
  }

  // The support lets the module do everything: far beyond its rules.
  const open = await check('--json', '--credentials', admin)
  t.is(open.code, 1, open.stderr)
  t.like(open.found.brokers[0], {
    nodeId: 1,
    ok: true,
    tls: 'TLSv1.3',
    broker: kafka.nodes[0]!.address,
  })
  t.regex(open.found.brokers[0].certificate, /^kafka, until /)
  t.deepEqual(open.found.acls.missing, [])
  t.true(open.found.acls.beyond.length >= 4)

  const all = ['--topic', '*', '--group', '*', '--transactional-id', '*', '--cluster']
  const removed = await kafka.asSuper('AclCommand', ['--remove', '--force', ...all])
  t.is(removed.code, 0, removed.err)
  const none = await check('--json', '--credentials', admin)
  t.is(none.code, 1)
  t.deepEqual(none.found.acls.beyond, [])
  t.true(none.found.acls.missing.length >= 4)

  const { stdout: script } = await typed(['kafka', 'acls', '-c', file, '--tenant', 'diku'])
  for (const line of script.split('\n').filter((each) => each.startsWith('kafka-acls.sh'))) {
    // As a shell reads it.
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${line.slice(line.indexOf('--add'))}`])
    const set = await kafka.asSuper('AclCommand', words.toString().trimEnd().split('\n'))
    t.is(set.code, 0, line)
  }
  const same = await check('--credentials', admin)
  t.is(same.code, 0, same.stdout)
  t.regex(same.stdout, /as the rules have it, for User:CN=mod-users-19\.7\.0/)

  const unseen = await check('--json')
  t.is(unseen.code, 0, unseen.stderr)
  t.like(unseen.found.acls, { shown: false })
  t.regex(unseen.found.acls.because, /this certificate may not see them/)
})

withKafka('a broker that is not there, or proves another name, cannot be used', async (t) => {
  const kafka = await cluster()
  const sidecar = await KafkaSidecar.start(t, kafka)
  const file = join(sidecar.directory, '..', 'sidecar.json')
  const written = JSON.parse(readFileSync(file, 'utf8'))
  const other = join(sidecar.directory, '..', 'other.json')
  for (const [more, reason] of [
    [{ bootstrap: '127.0.0.1:1' }, /upstream-unreachable/],
    [{ serverName: 'another.example.org' }, /upstream-untrusted/],
  ] as const) {
    writeFileSync(other, JSON.stringify({ ...written, kafka: { ...written.kafka, ...more } }), {
      mode: 0o600,
    })
    const { code, stdout } = await typed(['kafka', 'check', '-c', other, '--tenant', 'diku'])
    t.is(code, 1)
    t.regex(stdout, /usable +NO/)
    t.regex(stdout, reason)
  }
})
