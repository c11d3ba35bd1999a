import { callAttack } from '../call-attack.ts'

export const okapiVersionMismatch = callAttack({
  id: 'okapi-version-mismatch',
  title: 'an interface in a version nobody has',
  meaning: 'A module talks to a version it was never tested with, and misreads the answers.',
  remedy: 'Compare versions as Okapi does (InterfaceDescriptor.isCompatible).',
  needs: ['mismatch'],
  against: 'okapi',
  as: 'mismatch',
  calls: ({ mismatch }) => [{ target: mismatch!.path }],
})
