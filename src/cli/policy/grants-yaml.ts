import { Document, isSeq, visit } from 'yaml'
import { wrap } from '../terminal.ts'

/** Grants to be written down, with what a person should know about them. */
export interface WrittenGrant {
  readonly comments: readonly string[]
  /** Empty: there is nothing to grant, only to say. */
  readonly grants: readonly object[]
}

/** A file of grants that can be read as it is; what stands above each is for its reviewer. */
export function grantsYaml(heading: readonly string[], written: readonly WrittenGrant[]): string {
  const blocks = written.map(({ comments, grants }) => `${comment(comments)}${items(grants)}`)
  // A file without any must still be a list.
  const none = written.every(({ grants }) => grants.length === 0) ? ['[]\n'] : []
  return [comment(heading), ...blocks, ...none].join('\n')
}

function items(grants: readonly object[]): string {
  if (grants.length === 0) return ''
  const document = new Document(grants)
  visit(document, {
    Seq(key, node) {
      if (key !== null && isSeq(node)) node.flow = true
    },
  })
  return document.toString({ lineWidth: 100, flowCollectionPadding: false })
}

function comment(lines: readonly string[]): string {
  // What others wrote (names in descriptors, in a log) must not leave the comment.
  const clean = lines.map((line) => line.replaceAll(/[^\x20-\x7e’]/g, '?'))
  return clean
    .flatMap((line) => wrap(line, 98).map((part, i) => `# ${i === 0 ? '' : '  '}${part}\n`))
    .join('')
}

/** `2027-01-31`, UTC. */
export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
