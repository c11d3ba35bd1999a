import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressesOf, type Pod } from './cluster.ts'
import { NFT_IMAGE } from './images.ts'
import { moduleArgs, NAMESPACE, OKAPI, productOf, valuesOf } from './modules.ts'
import { linkLocalOf, opens, reach } from './outsiders.ts'
import { real, theInstallation } from './set-up.ts'
import { PATIENCE, until } from './until.ts'

const TAGS = 'mod-tags-3.1.0'
const GUARDED = 'guarded'

test('rules of the pod: its module is not reached, and does not get out', real, async () => {
  const installation = theInstallation()
  const { cluster } = installation
  // NET_ADMIN, which the init container needs, is more than `restricted` and `baseline` give.
  await cluster.addNamespace(GUARDED, 'privileged')
  await installation.putSecret(TAGS, TAGS, GUARDED)
  const [okapi] = await installation.pods(OKAPI)
  const [users] = await installation.pods('mod-users-19.7.0')
  const values = {
    ...valuesOf(TAGS),
    // It listens for everyone, as RMB does.
    workload: { ...(valuesOf(TAGS)['workload'] as object), args: moduleArgs(TAGS, { host: '::' }) },
    config: { egress: { gateway: `https://okapi.${NAMESPACE}:8443` } },
    networkPolicy: { enabled: false },
    nftables: {
      enabled: true,
      image: NFT_IMAGE,
      outward: addressesOf(users!).map((address) => ({ address, ports: [9901] })),
    },
  }
  await installation.installAt(GUARDED, TAGS, values)
  const deployment = 'deploy/mod-tags-3-1-0'
  await cluster.must('-n', GUARDED, 'rollout', 'status', deployment, PATIENCE)
  const [pod] = (
    await cluster.get<{ items: Pod[] }>(
      '-n',
      GUARDED,
      'pods',
      '-l',
      'okapi-sidecar/product=mod-tags',
    )
  ).items
  const free = await installation.pods(TAGS)
  const other = free[0]!.metadata.name
  const { name } = pod!.metadata
  const inside = (container: string) => [installation, GUARDED, name, container] as const
  const near = await linkLocalOf(installation, GUARDED, name, 'okapi-sidecar')
  for (const address of [...addressesOf(pod!), ...(near === undefined ? [] : [near])]) {
    const from = [installation, NAMESPACE, okapi!.metadata.name, 'okapi', address] as const
    for (const port of [8443, 9901]) await opens(...from, port)
    for (const port of [8081, 9130]) assert.equal(await reach(...from, port), 'silent', address)
  }
  for (const address of addressesOf(okapi!)) {
    await opens(...inside('okapi-sidecar'), address, 8443)
    assert.equal(await reach(...inside('mod-tags'), address, 8443), 'ECONNREFUSED')
    // The same from a pod without rules: there is something to reach.
    for (const port of [8443, 9901]) {
      await opens(installation, NAMESPACE, other, productOf(TAGS), address, port)
    }
  }
  for (const address of addressesOf(users!)) {
    // It is listed.
    await opens(...inside('mod-tags'), address, 9901)
    assert.equal(await reach(...inside('mod-tags'), address, 8443), 'ECONNREFUSED')
  }
})

test('a namespace that enforces `baseline` refuses a pod that sets rules', real, async () => {
  const installation = theInstallation()
  const values = {
    ...valuesOf(TAGS),
    nftables: { enabled: true, image: NFT_IMAGE },
  }
  await installation.cluster.addNamespace('baseline', 'baseline')
  await installation.putSecret(TAGS, TAGS, 'baseline')
  await installation.installAt('baseline', TAGS, values)
  await until('its pod is refused', async () => {
    const events = await installation.cluster.must('-n', 'baseline', 'get', 'events', '-o', 'yaml')
    return /violates PodSecurity "baseline:latest".*NET_ADMIN/.test(events.replaceAll(/\s+/g, ' '))
  })
})
