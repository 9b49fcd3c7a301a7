// Sends a few calls as a server would, and ends with 1 where the library says that one was not taken.
const { Analytics } = require("@segment/analytics-node")
const [, , host, path, writeKey] = process.argv
const analytics = new Analytics({ writeKey, host, path, flushAt: 20, maxRetries: 1 })
let failed = null
analytics.on("error", (error) => { failed = error })
const traits = { email: "ada@example.com" }
analytics.identify({ userId: "ada", traits })
analytics.track({ userId: "ada", event: "Order Completed", properties: { order_id: "n-1", revenue: 39.5, currency: "EUR" } })
analytics.page({ userId: "ada", name: "Pricing" })
analytics.group({ userId: "ada", groupId: "acme" })
analytics.closeAndFlush({ timeout: 8000 }).then(() => process.exit(failed ? (console.error(failed), 1) : 0))
