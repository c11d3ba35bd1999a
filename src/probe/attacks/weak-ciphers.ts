import { handshakeAttack } from '../handshake-attack.ts'

/** Static RSA, CBC, RC4, 3DES, NULL and anonymous suites; nothing with both ECDHE and AEAD. */
const WEAK =
  'ALL:eNULL:aNULL:!ECDHE+AESGCM:!ECDHE+CHACHA20:!ECDHE+AESCCM:!ECDHE+ARIAGCM:!TLSv1.3@SECLEVEL=0'

export const weakCiphers = handshakeAttack({
  id: 'weak-ciphers',
  title: 'TLS 1.2 without ECDHE or without AEAD',
  meaning: 'A key that leaks one day opens all that was ever recorded; CBC can be read bit by bit.',
  remedy: 'Accept ECDHE with AES-GCM or ChaCha20 only.',
  handshake: () => ({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: WEAK }),
})
