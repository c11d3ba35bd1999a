import { forgedLine } from '../line-trick.ts'

export const forgedForwardedClientCert = forgedLine(
  'X-Forwarded-Client-Cert',
  'URI=spiffe://folio.test/module/okapi-7.2.0',
  'A mesh behind takes the module for somebody else.',
)
