import { honest, request } from '../http.ts'
import { linkedCall } from '../link/linked-call.ts'

export const linkNoCertificate = linkedCall({
  id: 'link-no-certificate',
  title: 'a link without a certificate',
  meaning: 'Whoever speaks the protocol of sidecars is taken for one.',
  remedy: 'Judge the certificate before the first frame is read.',
  pair: () => undefined,
  message: (context) => ({
    head: request({ target: context.ordinaryPath, lines: honest(context) }),
  }),
})
