// What shares a processor with the proxies under --busy. As a compiler it allocates objects that point at
// each other, and follows the pointers, so that little of what the proxies keep stays in the caches.
const NODES = 400_000
const STEPS = 2_000_000

let chain = []
for (;;) {
  chain = Array.from({ length: NODES }, (_, id) => ({ id, next: null, text: `node ${id}` }))
  // A stride without a common divisor visits each of them, none beside the one before.
  for (let i = 0; i < NODES; i++) chain[i].next = chain[(i + 104_729) % NODES]
  let at = chain[0]
  for (let step = 0; step < STEPS; step++) at = at.next
  if (at === null) throw new Error('the chain has an end')
}
