import { errorCode, Fault, fault } from '../fault.ts'

const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
  ELOOP: 'its symbolic links go round in a circle',
}

/** What a person is told of a file that cannot be read. Throws what is no error of the file system. */
export function unreadable(file: string, error: unknown): Fault {
  if (error instanceof Fault) return error
  const code = errorCode(error)
  if (code === undefined) throw error
  return fault(`cannot be read: ${MEANINGS[code] ?? code}`, { where: { file } })
}
