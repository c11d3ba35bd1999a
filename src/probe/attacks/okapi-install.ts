import { callAttack } from '../call-attack.ts'

export const okapiInstall = callAttack({
  id: 'okapi-install',
  title: 'Okapi’s POST …/install',
  meaning: 'A module enables, upgrades or purges modules for a tenant.',
  remedy: 'Close /_/ at Okapi to modules, and secure the supertenant.',
  needs: ['credentials'],
  against: 'okapi',
  calls: ({ writeTenant }) => [
    {
      method: 'POST',
      target: `/_/proxy/tenants/${writeTenant}/install?simulate=true`,
      body: '[]',
    },
  ],
})
