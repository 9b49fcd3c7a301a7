"""The whole data model on one page. SQL lives with the stage that owns the rows; here is only what they look like.

Rules that would cost a redesign if broken:

1. Every key begins with the workspace: nothing spans workspaces, so that a workspace is the unit of sharding.
2. No sender's text is in a key: keys are 16-byte digests (`events.digest`). Text columns hold at most 255 characters,
   for display; the exact value lives in the body.
3. Bodies live apart: changing a state never rewrites a body, pruning bodies never frees a dedupe key.
4. Times are integers: milliseconds since 1970 (UTC) in columns that end in `_at`, `due` and `_until`; only
   `deliveries.created_at` and `seconds.second` are seconds, because that is what Intercom takes.
5. "In flight" is a live lease in `queue`, never a column of `deliveries`.

`docs/data-model.md` draws it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _key(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary(16), primary_key=primary_key, nullable=nullable)


def _workspace(*, primary_key: bool = True) -> Column[int]:
    """No foreign key: the hot tables pay for no look-up, and a shard need not hold the workspace's own row."""
    return Column("workspace_id", Integer, primary_key=primary_key, nullable=False, autoincrement=False)


def _display(name: str, *, nullable: bool = True, length: int = 255) -> Column[str]:
    return Column(name, String(length), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _state(name: str = "state") -> Column[str]:
    return Column(name, String(32), nullable=False)


_ID: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column that is INTEGER to the letter."""

# ── who installed us ────────────────────────────────────────────────────────────────────────────────────────────────

workspaces = Table(
    "workspaces",
    metadata,
    Column("id", Integer, primary_key=True),
    _display("app_id", nullable=False),  # Intercom's id of the workspace
    _display("name"),
    Column("region", String(8), nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("language", String(16), nullable=False),
    Column("token", LargeBinary, nullable=True),  # encrypted
    _state("mode"),  # workspaces.store.Mode
    _display("mode_reason"),
    Column("mode_before", String(32), nullable=True),  # what a workspace returns to once it is authorised again
    Column("settings", Text, nullable=False),  # JSON
    _time("created_at"),
    _time("updated_at"),
    UniqueConstraint("app_id"),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("workspace_id", Integer, ForeignKey("workspaces.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("source", String(32), nullable=False),
    _display("label", nullable=False),
    _display("stream", nullable=False),  # outlives rotation, removal and re-install: the scope of dedupe keys
    Column("mode", String(8), nullable=False),  # live | test | any
    Column("batch_policy", String(32), nullable=True),  # Segment only
    Column("api_version", String(64), nullable=True),
    Column("token_hash", LargeBinary(32), nullable=False),  # SHA-256: the look-up
    Column("token", LargeBinary, nullable=False),  # encrypted: to show the URL again
    Column("signing_secrets", LargeBinary, nullable=True),  # encrypted JSON list: several while one is rotated
    Column("authorization", LargeBinary, nullable=True),  # encrypted: the Authorization header the sender is to show
    Column("restricted_key", LargeBinary, nullable=True),  # encrypted: Stripe
    Column("browser_keys", LargeBinary, nullable=True),  # encrypted JSON list: write keys that browsers may show
    _display("account_id"),  # Stripe's acct_…, where a restricted key told it
    _display("remote_id"),  # Stripe's we_…: an endpoint that we made there, and are to delete
    _time("created_at"),
    _time("rotated_at", nullable=True),
    _time("removed_at", nullable=True),
    UniqueConstraint("token_hash"),
)

# ── what came in ────────────────────────────────────────────────────────────────────────────────────────────────────

received_events = Table(
    "received_events",
    metadata,
    _workspace(),
    _key("key", primary_key=True),  # digest(stream, livemode, the sender's own id)
    Column("endpoint_id", Integer, nullable=False),
    Column("source", String(32), nullable=False),
    _display("external_key", nullable=False),
    _display("type", nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("api_version", String(64), nullable=True),
    Column("trust", String(16), nullable=False),
    _time("occurred_at", nullable=True),
    _time("received_at"),
    _state(),  # events.ReceivedState
    _display("reason"),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),  # of mapping it
    Column("priority", SmallInteger, nullable=False, server_default=text("0")),  # events.Priority: 0 live, 1 history …
    Index(
        "ix_received_events_to_map",
        "priority",
        "workspace_id",
        "received_at",
        sqlite_where=text("state = 'received'"),
        postgresql_where=text("state = 'received'"),
    ),
    Index(None, "workspace_id", "received_at"),
    Index(  # what somebody should look at; costs nothing on the way of a good event
        "ix_received_events_broken",
        "workspace_id",
        "state",
        "received_at",
        sqlite_where=text("state IN ('failed', 'unparseable')"),
        postgresql_where=text("state IN ('failed', 'unparseable')"),
    ),
    Index(  # which types nobody maps, how often and when last; costs nothing until an event turns out to be one
        "ix_received_events_unmapped",
        "workspace_id",
        "source",
        "type",
        "received_at",
        "state",  # always the same, but SQLite looks into the row for it otherwise
        sqlite_where=text("state = 'unmapped'"),
        postgresql_where=text("state = 'unmapped'"),
    ),
)

bodies = Table(
    "bodies",
    metadata,
    _workspace(),
    # time first, so that new rows go to the end of the index, and so that it can be partitioned by day
    Column("received_at", BigInteger, primary_key=True, autoincrement=False),
    _key("key", primary_key=True),
    Column("body", LargeBinary, nullable=False),
    postgresql_partition_by="RANGE (received_at)",  # a partition a day: `database.partitions`
)

# ── what goes out ───────────────────────────────────────────────────────────────────────────────────────────────────

deliveries = Table(
    "deliveries",
    metadata,
    _workspace(),
    _key("id", primary_key=True),  # digest(received event, mapping id, generation)
    _key("received_key"),
    _display("mapping_id", nullable=False),
    Column("mapping_digest", String(64), nullable=False),  # of the catalogue that made it
    Column("generation", Integer, nullable=False),  # 0; a replay "as new" is 1, 2 …
    _key("once_key", nullable=True),  # digest(mapping id, the value of `once`)
    _display("name", nullable=False),
    Column("created_at", BigInteger, nullable=False),  # Unix seconds; final once the delivery has left `waiting`
    Column("contact", Text, nullable=False),  # JSON [[kind, value], …]: what the mapping found, most trusted first
    Column("identifier_kind", String(32), nullable=True),  # what goes on the wire; frozen at the first attempt
    _display("identifier_value"),
    Column("metadata", Text, nullable=False),  # JSON, in the order of sending
    Column("notes", Text, nullable=False),  # JSON list
    _state(),  # outbox.delivery.State
    _display("reason"),
    _time("mapped_at"),
    _time("updated_at"),
    _time("delivered_at", nullable=True),
    _time("released_at", nullable=True),  # an operator let it go, whatever its age and its workspace's mode
    _time("seen_at", nullable=True),  # when Intercom's own webhook told of the event
    Index(None, "workspace_id", "received_key"),
    Index(None, "workspace_id", "state", "updated_at"),
    Index(  # what stands still, by why; what is delivered without trouble is not in it
        "ix_deliveries_reason",
        "workspace_id",
        "state",
        "reason",
        "updated_at",
        sqlite_where=text("reason IS NOT NULL"),
        postgresql_where=text("reason IS NOT NULL"),
    ),
    UniqueConstraint("workspace_id", "once_key", "generation"),
)

seconds = Table(
    "seconds",
    metadata,
    _workspace(),
    _key("identifier", primary_key=True),  # Identifier.key: one row for each that is known of the contact
    _key("name", primary_key=True),  # digest of the name as Intercom compares it
    Column("second", BigInteger, primary_key=True, autoincrement=False),
    _key("delivery_id"),
    Index(None, "workspace_id", "delivery_id"),
)

queue = Table(
    "queue",
    metadata,
    _workspace(),
    _key("delivery_id", primary_key=True),
    Column("priority", SmallInteger, nullable=False),  # 0 live, 1 history
    Column("due", BigInteger, nullable=False),  # while leased: when the lease ends
    _key("lease_id", nullable=True),
    Column("number", Integer, nullable=False),  # of the latest try, whatever became of it
    Column("claims", Integer, nullable=False),  # since an outcome was last recorded
    Column("attempts", Integer, nullable=False),  # that count towards giving up
    _time("first_attempt_at", nullable=True),
    Column("stood_still", BigInteger, nullable=False),  # milliseconds that do not count towards giving up
    Column("ambiguous", Boolean, nullable=False),  # an attempt may have arrived: its identity is frozen for good
    Column("lookups", Integer, nullable=False),
    Column("unknowns", Integer, nullable=False),  # answers of a kind we do not know
    Column("ladder", Integer, nullable=False),  # steps taken while waiting for the contact to appear
    Index(None, "workspace_id", "priority", "due"),
    # the leases of a dead process; SQLite's only process voids them all when it starts
    Index("ix_queue_leased", "lease_id", postgresql_where=text("lease_id IS NOT NULL")).ddl_if(dialect="postgresql"),
)

lanes = Table(
    "lanes",
    metadata,
    _workspace(),
    _time("next_due", nullable=True),  # of its earliest queue row; null = nothing to do
    _key("holder", nullable=True),
    _time("held_until", nullable=True),
    _time("last_served_at"),
    # the pacing budget (intercom.pace.Budget)
    Column("window_limit", Integer, nullable=True),
    Column("tokens", Float, nullable=True),
    _time("refilled_at", nullable=True),
    Column("remaining", Integer, nullable=True),
    _time("window_reset_at", nullable=True),
    Column("factor", Float, nullable=True),
    _time("clean_since_at", nullable=True),
    _time("blocked_until", nullable=True),
    # the breaker (outbox.breaker.Breaker)
    Column("breaker_failures", Integer, nullable=False, server_default=text("0")),
    Column("breaker_opened", Integer, nullable=False, server_default=text("0")),
    _time("breaker_until", nullable=True),
    Index(None, "next_due"),
)

attempts = Table(
    "attempts",
    metadata,
    _workspace(),
    _key("delivery_id", primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _time("started_at"),
    Column("duration_ms", Integer, nullable=False),
    Column("status", SmallInteger, nullable=True),
    Column("outcome", String(32), nullable=False),
    _display("error_code"),
    Column("words", Text, nullable=True),  # Intercom's own
    _display("request_id"),
    Column("identifier_kind", String(32), nullable=False),
    Column("ambiguous", Boolean, nullable=False),
    Column("late", Boolean, nullable=False),  # its lease had passed to another: recorded all the same
    Column("manual", Boolean, nullable=False),
    Index(  # tries that went wrong, by the answer's status
        "ix_attempts_failed",
        "workspace_id",
        "status",
        "started_at",
        "delivery_id",
        sqlite_where=text("outcome <> 'delivered'"),
        postgresql_where=text("outcome <> 'delivered'"),
    ),
)

# ── who is it ───────────────────────────────────────────────────────────────────────────────────────────────────────

identities = Table(
    "identities",
    metadata,
    _workspace(),
    _key("source_key", primary_key=True),  # Identifier.key of what we know …
    _key("target_key", primary_key=True),  # … and of whom it leads to
    Column("source_kind", String(32), nullable=False),
    _display("source_value", nullable=False),
    Column("target_kind", String(32), nullable=False),
    _display("target_value", nullable=False),
    Column("firm", Boolean, nullable=False),  # the object itself says so, not another one in passing
    _key("seen_in"),  # the received event that said so last
    _time("first_seen_at"),
    _time("said_at"),  # by the sender's clock: an older statement does not undo a newer one
    _time("gone_at", nullable=True),
)

wanted = Table(
    "wanted",
    metadata,
    _workspace(),
    _key("identifier", primary_key=True),
    _key("delivery_id", primary_key=True),
    Index(None, "workspace_id", "delivery_id"),
)

known_contacts = Table(
    "known_contacts",
    metadata,
    _workspace(),
    _key("identifier", primary_key=True),  # Identifier.key of what events call them
    _display("contact_id"),  # Intercom's id, as its webhook or our own creation told; null while one is being created
    _time("seen_at"),  # for some minutes this is known better than Intercom's search knows it
    _key("holder", nullable=True),  # who creates them now: one at a time, across processes
    _time("held_until", nullable=True),
)

erasures = Table(
    "erasures",
    metadata,
    _workspace(),
    _key("identifier", primary_key=True),
    Column("identifier_kind", String(32), nullable=False),
    _display("identifier_value", nullable=False),  # gone with the row, once everything else is
    _display("asked_by", nullable=False),  # segment, intercom
    _time("asked_at"),
)

names = Table(
    "names",
    metadata,
    _workspace(),
    _key("key", primary_key=True),  # digest(id)
    _display("object_id", nullable=False),  # prod_…, price_…, a coupon's id
    _display("name", nullable=False),
    _time("seen_at"),
)

# ── keeping in step with Stripe ─────────────────────────────────────────────────────────────────────────────────────

sync_state = Table(
    "sync_state",
    metadata,
    _workspace(),
    Column("endpoint_id", Integer, primary_key=True, autoincrement=False),
    Column("livemode", Boolean, primary_key=True),
    _time("last_webhook_at", nullable=True),
    _time("reconciled_until", nullable=True),  # what happened before is here, or is a gap
    _time("reconciled_at", nullable=True),  # when that was last looked at to the end
    Column("listed", BigInteger, nullable=False, server_default=text("0")),  # events that Stripe listed
    Column("found", BigInteger, nullable=False, server_default=text("0")),  # of those, what no webhook had brought
    _time("named_at", nullable=True),  # when products, prices and coupons were all asked for
    _display("trouble"),  # why it does not go on
    _time("trouble_at", nullable=True),
    Column("gaps", Text, nullable=False, server_default=text("'[]'")),  # JSON [[from, to], …] in milliseconds
)

asked = Table(
    "asked",
    metadata,
    _workspace(),
    _key("key", primary_key=True),  # digest of the kind and id of what Stripe was asked for
    Column("outcome", String(32), nullable=False),
    _time("asked_at"),
    Column("again_at", BigInteger, nullable=False),  # not to be asked for before
)

backfills = Table(
    "backfills",
    metadata,
    _workspace(),
    _key("key", primary_key=True),  # digest of what was asked for
    Column("endpoint_id", Integer, nullable=False),
    Column("request", Text, nullable=False),  # JSON: what was asked for
    Column("cursor", Text, nullable=True),  # JSON: how far it has come; null = not begun
    _state(),  # sync.backfills.BackfillState
    Column("read", BigInteger, nullable=False, server_default=text("0")),
    Column("new", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", BigInteger, nullable=False, server_default=text("0")),
    Column("summaries", BigInteger, nullable=False, server_default=text("0")),  # counts that Intercom took
    Column("summarised", BigInteger, nullable=False, server_default=text("0")),  # the deliveries in them
    _time("started_at"),
    _time("updated_at"),
    _time("finished_at", nullable=True),
    _key("holder", nullable=True),  # the command that takes it in now
    _display("holder_name"),  # where that runs, for people and for another command on the same machine
    _time("held_until", nullable=True),  # by the database's clock
)

summaries = Table(
    "summaries",
    metadata,
    _workspace(),
    _key("id", primary_key=True),
    _display("user_id", nullable=False),  # the only way to name somebody that a summary takes
    _display("name", nullable=False),
    Column("count", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),  # Unix seconds
    Column("last", BigInteger, nullable=False),
    Column("deliveries", Text, nullable=False),  # JSON list of their ids: what it counts, and nothing else does
    Column("before", Text, nullable=True),  # JSON: what Intercom counted before; null = it may not be asked
    _time("tried_at", nullable=True),  # null = Intercom surely has not got it
    _time("made_at"),
)
"""Only what is on its way to Intercom: a summary that is settled has no row."""

# ── what a workspace has, and what happened to it ───────────────────────────────────────────────────────────────────

event_names = Table(
    "event_names",
    metadata,
    _workspace(),
    _key("key", primary_key=True),  # digest of the name as Intercom compares it
    _display("name", nullable=False),
    Column("types", Text, nullable=False),  # JSON {key: type}, frozen at first send
    _time("first_seen_at"),
    _display("stopped_reason"),
    _time("counted_at", nullable=True),  # since when it is one of the names that Intercom allows
)

alerts = Table(
    "alerts",
    metadata,
    _workspace(),
    Column("kind", String(64), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("detail", Text, nullable=False),
    _time("opened_at"),
    _time("closed_at", nullable=True),
)

alert_notices = Table(
    "alert_notices",
    metadata,
    _workspace(),
    Column("kind", String(64), primary_key=True),
    Column("subject", String(255), primary_key=True),
    Column("sink", String(16), primary_key=True),  # webhook, email
    _time("opened_at"),  # of the opening that it is about
    Column("tries", Integer, nullable=False),
    _time("again_at"),  # not to be tried before; while it is being sent, when that has failed
    _time("sent_at", nullable=True),
)

hourly_counts = Table(
    "hourly_counts",
    metadata,
    _workspace(),
    Column("endpoint_id", Integer, primary_key=True, autoincrement=False),  # 0 = the workspace as a whole
    Column("hour", Integer, primary_key=True, autoincrement=False),  # hours since 1970
    *(
        Column(name, Integer, nullable=False, server_default=text("0"))
        for name in ("stored", "bad_signature", "listed", "missed", "tried", "not_found", "dead")
    ),
)

entry_matches = Table(
    "entry_matches",
    metadata,
    _workspace(),  # 0 = any
    _key("key", primary_key=True),  # digest of the mapping entry's id
    _time("matched_at"),  # for the last time, by the hour
)

audit = Table(
    "audit",
    metadata,
    Column("id", _ID, primary_key=True),
    _workspace(primary_key=False),
    _time("at"),
    _display("actor", nullable=False),
    _display("action", nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "workspace_id", "at"),
)

verifications = Table(
    "verifications",
    metadata,
    _workspace(),
    _time("verified_at"),
    Column("checked", Integer, nullable=False),  # deliveries that Intercom was asked about
    Column("found", Integer, nullable=False),  # of those, what it holds as it was sent
    _display("why_not"),  # why it could not be asked
)

matches = Table(
    "matches",
    metadata,
    _workspace(),
    _key("key", primary_key=True),  # digest of the ways to name one person
    _display("matched_by"),  # the kind of identifier that Intercom knows; null = none
    _time("asked_at"),
)

# ── installing and setting up ───────────────────────────────────────────────────────────────────────────────────────

oauth_states = Table(
    "oauth_states",
    metadata,
    _key("key", primary_key=True),  # digest of the state: nobody's workspace yet
    _key("browser"),  # digest of the cookie of the browser that began
    _time("created_at"),
    Index(None, "created_at"),
)

setup_links = Table(
    "setup_links",
    metadata,
    _workspace(),
    _key("key", primary_key=True),  # of a one-time link that was used
    _time("expires_at"),
    Index(None, "expires_at"),
)

setup_sessions = Table(
    "setup_sessions",
    metadata,
    _workspace(),
    _key("key", primary_key=True),  # digest of the session's token
    _display("actor", nullable=False),  # who came in, and how
    _time("expires_at"),
    Index(None, "expires_at"),
)

health_reports = Table(
    "health_reports",
    metadata,
    _workspace(),
    Column("report", Text, nullable=False),  # JSON: what Intercom was last told of this workspace
    _time("told_at"),
)

# ── what the mapping is ─────────────────────────────────────────────────────────────────────────────────────────────

catalogues = Table(
    "catalogues",
    metadata,
    Column("digest", String(64), primary_key=True),  # of the documents
    Column("documents", Text, nullable=False),  # JSON {path: YAML}: the operator's own files, not the shipped ones
    Column("shipped_digest", String(64), nullable=False),  # of the shipped catalogue that they were checked over
    Column("entries", Integer, nullable=False),  # of both together
    _time("deployed_at"),  # for the last time: a rollback is no deployment
    _display("deployed_by", nullable=False),
    _time("from_folder_at", nullable=True),  # when a service last found just these in its folder
    _time("activated_at"),
)

# ── the service itself ──────────────────────────────────────────────────────────────────────────────────────────────

service = Table(
    "service",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row
    Column("changes", BigInteger, nullable=False),  # rises with each change of a workspace, an endpoint or a setting
    Column("catalogue", String(64), nullable=True),  # the digest of the mapping set in use: one row, so one set
    CheckConstraint("id = 1", name="one_row"),
)

processes = Table(
    "processes",
    metadata,
    _key("id", primary_key=True),  # of its leases' ids the first half, of the lanes it holds the holder
    _display("name", nullable=False),  # host and process id, for people
    _time("started_at"),
    _time("seen_at"),  # by the database's clock
)

ticks = Table(
    "ticks",
    metadata,
    Column("task", String(64), primary_key=True),
    Column("tick", BigInteger, primary_key=True, autoincrement=False),  # the time divided by the task's interval
    _time("taken_at"),
)

regions = Table(
    "regions",
    metadata,
    Column("region", String(8), primary_key=True),
    # the breaker (outbox.breaker.Breaker)
    Column("breaker_failures", Integer, nullable=False, server_default=text("0")),
    Column("breaker_opened", Integer, nullable=False, server_default=text("0")),
    _time("breaker_until", nullable=True),
    # the throttle (intercom.throttle.Throttle)
    Column("rate", Float, nullable=True),  # calls a second; null = off
    Column("tokens", Float, nullable=False, server_default=text("0")),
    _time("refilled_at", nullable=True),
    _time("refused_at", nullable=True),
)

retention = Table(
    "retention",
    metadata,
    _workspace(),
    Column("task", String(64), primary_key=True),
    _time("until_at"),  # everything older has been dealt with
)

# ── the console ─────────────────────────────────────────────────────────────────────────────────────────────────────
# Its users see every workspace, so that the first two tables belong to none.

console_users = Table(
    "console_users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),  # console.roles.Role
    Column("password", String(255), nullable=False),  # scrypt, with its salt and its costs
    _time("created_at"),
    _time("password_at"),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    _key("key", primary_key=True),  # digest of the cookie
    Column("user_name", String(64), nullable=False, index=True),
    _time("created_at"),
    _time("expires_at"),
)

bulk_jobs = Table(
    "bulk_jobs",
    metadata,
    Column("id", _ID, primary_key=True),
    _workspace(primary_key=False),
    Column("action", String(16), nullable=False),  # replay | discard | release
    Column("chosen", Text, nullable=False),  # JSON: which deliveries, as the page's address says it
    _state(),  # outbox.bulk.JobState
    _display("actor", nullable=False),
    Column("rate", Integer, nullable=True),  # deliveries a second; null = as fast as it goes
    Column("matched", Integer, nullable=False),  # when it began
    Column("seen", Integer, nullable=False, server_default=text("0")),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("refused", Text, nullable=False, server_default=text("'{}'")),  # JSON {why: count}
    _key("last_id", nullable=True),  # how far along the deliveries' ids it is
    _time("created_at"),
    _time("updated_at"),
    Index(
        "ix_bulk_jobs_running", "id", sqlite_where=text("state = 'running'"), postgresql_where=text("state = 'running'")
    ),
    Index(None, "workspace_id", "id"),
)

hours = Table(
    "hours",
    metadata,
    _workspace(),
    Column("hour", Integer, primary_key=True, autoincrement=False),  # since 1970, UTC
    Column("received", Integer, nullable=False),
    Column("delivered", Integer, nullable=False),
    Column("dead", Integer, nullable=False),
    Column("p50_ms", Integer, nullable=True),  # from stored and mapped to Intercom's answer
    Column("p95_ms", Integer, nullable=True),
)
