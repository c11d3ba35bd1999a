import type { Socket } from 'node:net'
import test from 'ava'
import { accepting, type ListenerParts } from '../../src/listeners/listener.ts'
import type { Caller } from '../../src/policy/caller.ts'
import type { RequestContext } from '../../src/proxy/request-context.ts'
import { Shares } from '../../src/proxy/shares.ts'
import { ConnectionSlots } from '../../src/transport/connection-slots.ts'
import { LISTENER_RULES } from '../support/listener-rules.ts'
import { OpenPolicy } from '../support/listeners.ts'
import { MemorySocket } from '../support/memory-socket.ts'

const LIMITS = {
  exchanges: 100,
  exchangesToModule: 100,
  exchangesPerCallee: 100,
  brokenOffPerSecond: 0,
  bufferedBytes: 33_554_432,
}
const [ONE, NEIGHBOUR, FAR] = ['2001:db8::1', '2001:db8::2', '2001:db8:1::1']

/** Connections of one caller from these addresses: whose shares they have, and whom their slots count to. */
function accepted(caller: Caller, addresses: readonly string[]) {
  const contexts: RequestContext[] = []
  const parts = {
    policies: { current: new OpenPolicy() },
    shares: new Shares(LIMITS, false, { now: 0 }),
    serve: (_: Socket, context: () => RequestContext) => void contexts.push(context()),
  } as unknown as ListenerParts
  const service = {
    rules: () => LISTENER_RULES.plainToModule,
    destination: () => null,
    at: 'mod-a-1.0.0',
    share: () => 'unproven' as const,
  }
  const accept = accepting(parts, service)
  const slots = new ConnectionSlots({ connections: 10, pendingConnections: 10 })
  for (const remoteAddress of addresses) {
    const socket = Object.defineProperty(new MemorySocket(), 'remoteAddress', {
      value: remoteAddress,
    })
    accept(socket, caller, remoteAddress, slots.add(socket)!)
  }
  return {
    shares: contexts.map(({ share }) => share.name),
    slots: contexts.map(({ slot }) => slot!.caller),
  }
}

test('a listed plain caller counts by its address, also where a network of IPv6 is shared', (t) => {
  const { shares, slots } = accepted({ kind: 'plain' }, [ONE, NEIGHBOUR, ONE])
  t.is(new Set(shares).size, 2)
  t.is(shares[0], shares[2])
  t.is(new Set(slots).size, 2)
  t.is(slots[0], slots[2])
})

test('a public caller counts by its /64, of which anyone has as many addresses as it wants', (t) => {
  const { shares, slots } = accepted({ kind: 'public' }, [ONE, NEIGHBOUR, FAR])
  t.is(shares[0], shares[1])
  t.not(shares[0], shares[2])
  t.is(slots[0], slots[1])
  t.not(slots[0], slots[2])
})

test('a proven identity has one share, from whatever address', (t) => {
  for (const caller of [
    { kind: 'module', id: 'mod-b-1.0.0' },
    { kind: 'operator', name: 'anna' },
    { kind: 'client', name: 'edge' },
  ] as const) {
    const { shares } = accepted(caller, [ONE, FAR, '192.0.2.1'])
    t.is(new Set(shares).size, 1, caller.kind)
  }
})
