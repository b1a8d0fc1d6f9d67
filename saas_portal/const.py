"""States and kinds, named once."""

DRAFT = "draft"
BUILDING = "building"
OPEN = "open"
PENDING = "pending"
BROKEN = "broken"
DELETED = "deleted"
CLIENT_STATES = [
    (DRAFT, "New"),
    (BUILDING, "Building"),
    (OPEN, "Open"),
    (PENDING, "Suspended"),
    (BROKEN, "Broken"),
    (DELETED, "Deleted"),
]
#: target state → states from which it can be reached
CLIENT_TRANSITIONS = {
    BUILDING: (DRAFT, BROKEN),
    OPEN: (BUILDING, PENDING, BROKEN, DELETED),
    PENDING: (BUILDING, OPEN, BROKEN, DELETED),
    BROKEN: (DRAFT, BUILDING, OPEN, PENDING),
    DELETED: (DRAFT, BUILDING, OPEN, PENDING, BROKEN),
}
#: A database stands behind these.
LIVE_STATES = (OPEN, PENDING)
#: These count for the limits of a plan: what exists, and what is about to.
COUNTED_STATES = (DRAFT, BUILDING, OPEN, PENDING)

#: Scheduled actions that run operations, and threads besides for all others of the portal.
LANES = 3
OTHER_CRONS = 2

OP_PENDING = "pending"
OP_RUNNING = "running"
OP_DONE = "done"
OP_FAILED = "failed"
OP_CANCELLED = "cancelled"
OPERATION_STATES = [
    (OP_PENDING, "Waiting"),
    (OP_RUNNING, "Running"),
    (OP_DONE, "Done"),
    (OP_FAILED, "Failed"),
    (OP_CANCELLED, "Cancelled"),
]
OPEN_OPERATION_STATES = (OP_PENDING, OP_RUNNING)

STOPPED = "stopped"
#: How far a client is shut, from not at all to out of reach.
RUNGS = [
    ("open", "Open"),
    ("notice", "Notice"),
    ("read_only", "Read-only"),
    ("closed", "Closed"),
    (STOPPED, "Stopped"),
]
OPEN_RUNGS = ("open", "notice")
SUSPENDED_RUNGS = ("read_only", "closed", STOPPED)
#: Nobody sees the database behind these.
CLOSED_RUNGS = ("closed", STOPPED)
