import { openSync } from 'node:fs'
import { CoarseClock } from '../../src/transport/clock.ts'
import { Dialer } from '../../src/transport/dial.ts'
import { NameResolver } from '../../src/transport/name-resolver.ts'
import { liveById } from './peers.ts'

// Run with few descriptors by dial.test.ts: takes all there are, then dials the port it is given.
const [port, material] = process.argv.slice(2)
const addresses = [{ host: '127.0.0.1', port: Number(port) }]
const read = JSON.parse(material ?? '')
const limits = { connectMs: 5000, handshakeMs: 5000, connectWaitMs: 0 }
const common = { addresses, ...limits, whenUnreachable: 'module-unavailable' as const }
const authenticator = () => 'anybody'
const tls = { material: () => read, authenticator, fits: () => null, live: liveById() }
const alive = setInterval(() => {}, 1000)

const reasons: (string | undefined)[] = []
const clock = new CoarseClock(10)
const names = new NameResolver(() => clock.now)
const dialers = [null, tls].map((each) => new Dialer({ ...common, names, clock, tls: each }))
const [first] = dialers
// What is loaded lazily is loaded now.
first?.dial({}, (_, socket) => {
  // Its descriptor is free some time after `destroy`: a dial could get it.
  socket?.once('close', () => setImmediate(takeAll))
  socket?.destroy()
})

function takeAll(): void {
  try {
    for (;;) openSync('/dev/null', 'r')
  } catch {}
  for (const dialer of dialers) {
    dialer.dial({}, (refusal, socket) => {
      // Whatever comes, this process ends.
      socket?.destroy()
      reasons.push(refusal?.reason)
      if (reasons.length < dialers.length) return
      clearInterval(alive)
      process.stdout.write(JSON.stringify(reasons))
    })
  }
}
