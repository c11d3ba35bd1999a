// What it costs to judge and to remember a token, by how many are in use: `node bench/tokens.ts`.
import { randomBytes } from 'node:crypto'
import { SeenTokens, seenTokensMemory } from '../src/proxy/seen-tokens.ts'
import { TokenHasher } from '../src/proxy/token-hash.ts'

const TOKENS = [1, 64, 1000, 16_384]
const TOKEN_BYTES = 500
const MODULE = 'mod-users-19.7.0'
const TIMES = 200_000
const DAY_MS = 86_400_000

function measured(count: number): string[] {
  const seen = new SeenTokens(seenTokensMemory({ tokensPerModule: 16_384, modules: 1 }), DAY_MS)
  const hasher = new TokenHasher(...seen.key)
  const tokens = Array.from({ length: count }, () =>
    Buffer.from(randomBytes((TOKEN_BYTES * 3) / 4).toString('base64url')),
  )
  const now = performance.now()
  const remember = (token: Buffer) =>
    seen.remember(MODULE, hasher.hash(token, 0, token.length), now)
  const judge = (token: Buffer) => {
    if (seen.knows(MODULE, hasher.hash(token, 0, token.length), now)) return
    throw new Error('a token is refused that was remembered')
  }
  const nanos = (work: (token: Buffer) => void) => {
    for (let i = 0; i < TIMES / 10; i++) work(tokens[i % count]!)
    const from = process.cpuUsage()
    for (let i = 0; i < TIMES; i++) work(tokens[i % count]!)
    const { user, system } = process.cpuUsage(from)
    return `${(((user + system) * 1000) / TIMES).toFixed(0)} ns`
  }
  for (const token of tokens) remember(token)
  return [String(count), nanos(remember), nanos(judge)]
}

const rows = [['tokens', 'remember', 'judge'], ...TOKENS.map(measured)]
for (const row of rows) console.log(row.map((cell) => cell.padStart(10)).join(''))
