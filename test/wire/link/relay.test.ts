/** What holds for a relay over HTTP/1.1 holds over a link, word for word. */
import '../../support/relay-over-link.ts'
import '../h1/relay.test.ts'
