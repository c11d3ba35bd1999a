/** Longer ones are not worth the search, and a peer may have sent them. */
const MAX_LENGTH = 100

/**
 * The name of `names` that a person most likely meant by `word`, or undefined: the only one that adds
 * a part after a hyphen (a version to a product), or one in which at most a third of the letters differ.
 */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > MAX_LENGTH) return undefined
  const all = [...new Set(names)]
  const longer = all.filter((name) => name.startsWith(`${word}-`))
  if (longer.length === 1) return longer[0]
  let best: string | undefined
  let least = Math.floor(word.length / 3) + 1
  for (const name of all) {
    if (Math.abs(name.length - word.length) >= least) continue
    const away = editDistance(word.toLowerCase(), name.toLowerCase())
    if (away >= least) continue
    least = away
    best = name
  }
  return best
}

/** Insertions, deletions and replacements between two words (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced))
    }
    row = next
  }
  return row[b.length]!
}
