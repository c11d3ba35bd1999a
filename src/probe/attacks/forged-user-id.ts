import { randomUUID } from 'node:crypto'
import { lineTrick } from '../line-trick.ts'

/** mod-authtoken takes the header before the claim and signs it into the next module token. */
export const forgedUserId = lineTrick({
  id: 'forged-user-id',
  title: 'a forged X-Okapi-User-Id',
  meaning: 'A module acts in the name of any user it likes, and the audit log believes it.',
  remedy: 'Let X-Okapi-User-Id pass only beside a token that carries the same user.',
  needs: ['credentials'],
  against: 'okapi',
  lines: (_context, honest) => [...honest, ['X-Okapi-User-Id', randomUUID()]],
})
