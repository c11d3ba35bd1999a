import '../scenarios/handshakes-have-a-share.test.ts'
import '../scenarios/one-caller-cannot-hold-all-connections.test.ts'
import '../scenarios/one-caller-cannot-stop-the-others.test.ts'
import '../scenarios/silent-connections-cost-nothing.test.ts'
