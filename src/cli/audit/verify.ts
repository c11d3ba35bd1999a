import { parseArgs } from 'node:util'
import { type AuditChain, type AuditHead, Verification } from '../../audit/verification.ts'
import { fault } from '../../fault.ts'
import { json, tell } from '../terminal.ts'
import { linesOf } from './lines.ts'

const HINT = 'okapi-sidecar audit verify audit.log.1 audit.log'

/** Verifies one trail; resolves to 1 when something is wrong. Throws a Fault for wrong usage. */
export async function run(argv: readonly string[]): Promise<number> {
  const { values, positionals: files } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      head: { type: 'string', multiple: true, default: [] },
      heads: { type: 'string', multiple: true, default: [] },
      'among-others': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  if (files.length === 0) throw fault('verify takes the files of one trail', { hint: HINT })
  const logged = await Promise.all(values.heads.map(headsIn))
  const heads = [...values.head.map(headOf), ...logged.flat()]
  const verification = new Verification({ amongOthers: values['among-others'], heads })
  for (const file of files) {
    const name = file === '-' ? 'standard input' : file
    for await (const { bytes, line, whole } of linesOf(file)) {
      verification.line(bytes, { file: name, line }, whole)
    }
  }
  verification.end()
  const { chains, problems, isSound } = verification
  if (values.json) json({ ok: isSound, chains, heads: heads.length, problems })
  else {
    tell(problems)
    process.stdout.write(chains.map(chainText).join(''))
    process.stdout.write(
      `${isSound ? soundText(heads.length) : 'The trail was changed, or is not complete.'}\n`,
    )
  }
  return isSound ? 0 : 1
}

function soundText(heads: number): string {
  if (heads === 0)
    return 'Nothing was changed, as far as the chain shows. No head was given: what was\ncut off at the end cannot be seen.'
  return `Nothing was changed, and ${heads === 1 ? 'the head is' : `all ${heads} heads are`} there.`
}

function chainText(found: AuditChain): string {
  const { chain, module, host, first, last, hash, from, to, starts, lost } = found
  const before = first === 1 ? '' : ' (what was before is not here)'
  const missing = lost === 0 ? '' : `, ${lost} lost according to its own entries`
  const began = starts === 1 ? '1 start' : `${starts} starts`
  return `${module} on ${host}, chain ${chain}
  entries ${first} to ${last}${before}, ${from} to ${to}, ${began}${missing}
  head ${last}:${hash}
`
}

const HEAD = /^([1-9]\d{0,14}):([0-9a-f]{64})$/

function headOf(text: string): AuditHead {
  const head = parsedHead(text)
  if (head === undefined) {
    const hint = 'as the log says it: --head 120:5f0c...'
    throw fault(`--head ${text.slice(0, 80)} is no head`, { hint })
  }
  return head
}

function parsedHead(text: unknown): AuditHead | undefined {
  const [, seq, hash] = HEAD.exec(String(text)) ?? []
  return seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash }
}

/** The chain heads in a sidecar's log. */
async function headsIn(file: string): Promise<AuditHead[]> {
  const heads: AuditHead[] = []
  for await (const { bytes } of linesOf(file)) {
    const text = bytes.toString('latin1')
    if (!text.includes('"msg":"audit head"')) continue
    const head = parsedHead(/"head":"([^"]*)"/.exec(text)?.[1])
    if (head !== undefined) heads.push(head)
  }
  if (heads.length === 0) {
    const hint = 'a sidecar logs its head every ten minutes, and when it stops'
    throw fault('it has no line "msg":"audit head"', { where: { file }, hint })
  }
  return heads
}
