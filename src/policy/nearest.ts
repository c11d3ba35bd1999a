import { productOf } from '../folio/module-id.ts'

const MAX_LENGTH = 100

/**
 * The name that differs in the fewest letters, when it is at most a third of them; of the same
 * product any: `mod-tags-3.1.0-SNAPSHOT` where somebody says `mod-tags-3.1.0`.
 */
export function nearestName(name: string, names: Iterable<string>): string | null {
  if (name.length > MAX_LENGTH) return null
  const all = [...names]
  const product = productOf(name)
  const versions = all.filter((candidate) => productOf(candidate) === product)
  let best: string | null = versions[0] ?? null
  let least = Math.ceil(name.length / 3) + 1
  for (const candidate of versions.length === 0 ? all : versions) {
    if (Math.abs(candidate.length - name.length) >= least) continue
    const distance = editDistance(name, candidate)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** Letters to put in, take out or change (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
