import '../cli/many-in-chromium.test.ts'
import '../observe/status/status-in-chromium.test.ts'
import '../probe/report-in-chromium.test.ts'
