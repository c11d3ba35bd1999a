import { handshakeAttack } from '../handshake-attack.ts'

export const tls10 = handshakeAttack({
  id: 'tls-1-0',
  title: 'a handshake with TLS 1.0',
  meaning: 'What is said can be read and changed by attacks that are known since 2011.',
  remedy: 'Accept TLS 1.2 and 1.3 only.',
  handshake: () => ({ minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0' }),
})
