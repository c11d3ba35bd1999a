import { handshakeAttack } from '../handshake-attack.ts'

export const tls11 = handshakeAttack({
  id: 'tls-1-1',
  title: 'a handshake with TLS 1.1',
  meaning: 'What is said is protected by MD5 and SHA-1 (RFC 8996 forbids it).',
  remedy: 'Accept TLS 1.2 and 1.3 only.',
  handshake: () => ({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }),
})
