import { createHash } from 'node:crypto'
import type { PortRange } from '../../config/addresses.ts'
import { fault } from '../../fault.ts'

/**
 * A port of the range for each module. It depends on nothing but ids and range, and installing one
 * more module moves at most a few others: an id's hash says where it would like to be, the one that comes
 * later in the order of ids takes the next free one. A port that Okapi already uses (`taken`) stays.
 * Throws a Fault when there are more modules than ports.
 */
export function assignPorts(
  ids: readonly string[],
  { from, to }: PortRange,
  taken: ReadonlyMap<string, number> = new Map(),
): ReadonlyMap<string, number> {
  const size = to - from + 1
  if (ids.length > size) {
    throw fault(`${ids.length} modules need as many ports, ${from} to ${to} are ${size}`, {
      hint: 'Okapi has one pool of connections for each port: widen egress.modules.listen',
    })
  }
  const ports = new Map<string, number>()
  const used = new Set<number>()
  const give = (id: string, port: number) => {
    ports.set(id, port)
    used.add(port)
  }
  const sorted = [...ids].sort()
  for (const id of sorted) {
    const port = taken.get(id)
    if (port !== undefined && port >= from && port <= to && !used.has(port)) give(id, port)
  }
  for (const id of sorted) {
    if (ports.has(id)) continue
    let slot = createHash('sha256').update(id).digest().readUInt32BE() % size
    while (used.has(from + slot)) slot = (slot + 1) % size
    give(id, from + slot)
  }
  return ports
}
