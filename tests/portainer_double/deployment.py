"""A deploy from its beginning to its end: at once in 2.23, in the background in 2.45."""

import threading

from . import compose, resources
from .compose import ComposeError
from .web import ApiError

ACTIVE, INACTIVE, DEPLOYING, ERROR = 1, 2, 3, 4


class Deployment:
    """`stack` is the row as it shall be. The whole server deploys one at a time (line 40)."""

    def __init__(self, double, endpoint, stack, user):
        self.double, self.endpoint, self.stack, self.user = double, endpoint, stack, user
        self.store = double.store

    # --- create -----------------------------------------------------------------

    def create(self):
        if self.double.mode == "2.45":
            # Line 67: the row first, the work afterwards.
            self.stack |= {"Status": DEPLOYING, **self._history(INACTIVE)}
            self._insert()
            self._in_background(self._deploy)
            return self.stack
        try:
            self._deploy()
        except ComposeError as error:
            # Line 38: nothing is kept but the number that was spent.
            compose.remove_files(self.double, self.stack)
            raise self._failure(error) from None
        # Line 39: only now can anybody see the stack.
        return self._insert()

    def _insert(self):
        row = self.store.insert("stacks", self.stack)
        resource = resources.stack_resource(row)
        if not resources.control(self.store, resources.STACK, resource):
            resources.grant(self.store, resources.STACK, resource, self.user)
        return row

    def _deploy(self, options=(), pull=False):
        with self.double.deploy_lock:
            if pull and not compose.is_swarm(self.stack):
                try:
                    compose.pull(self.double, self.endpoint, self.stack)
                except ComposeError as error:
                    raise PullError(str(error)) from None
            try:
                compose.up(self.double, self.endpoint, self.stack, *options)
            except ComposeError:
                # Line 44: the failed deploy takes down what ran before it.
                if not compose.is_swarm(self.stack):
                    self._try_down()
                raise

    def _try_down(self):
        try:
            compose.down(self.double, self.endpoint, self.stack)
        except ComposeError as error:
            self.double.log(f"down of {self.stack['Name']} failed: {error}")

    # --- update -----------------------------------------------------------------

    def update(self, before, content, options, pull):
        if self.double.mode == "2.45":
            return self._update_later(before, content, options, pull)
        old = compose.read(self.double, before)
        compose.write(self.double, self.stack, content)
        try:
            self._deploy(options, pull)
        except ComposeError as error:
            # Line 44: the old file comes back, and the row says what it said before.
            compose.write(self.double, before, old)
            raise self._failure(error) from None
        return self._store_update(before, Status=ACTIVE)

    def _update_later(self, before, content, options, pull):
        def work():
            if before["Status"] == ERROR and not compose.is_swarm(before):
                self._try_down()
            self._deploy(options, pull)

        compose.write(self.double, self.stack, content)
        row = self._store_update(before, Status=DEPLOYING, **self._history(before["Status"]))
        self._in_background(work)
        return row

    def _store_update(self, before, **values):
        if before["EndpointId"] != self.stack["EndpointId"]:
            resources.revoke(self.store, resources.STACK, resources.stack_resource(before))
            resource = resources.stack_resource(self.stack)
            resources.grant(self.store, resources.STACK, resource, self.user)
        return self.store.change(
            "stacks",
            self.stack["Id"],
            Env=self.stack["Env"],
            EndpointId=self.stack["EndpointId"],
            UpdateDate=int(self.double.clock.now()),
            UpdatedBy=self.user["Username"],
            **values,
        )

    # --- in the background --------------------------------------------------------

    def _in_background(self, work):
        threading.Thread(target=self._finish, args=(work,), daemon=True).start()

    def _finish(self, work):
        """Line 68: a failed deploy leaves its row, and its error as the last entry."""
        try:
            work()
            status, message = ACTIVE, ""
        except ComposeError as error:
            status, message = ERROR, self._failure(error).message
        row = self.store.get("stacks", self.stack["Id"])
        if row:
            entries = row["DeploymentStatus"] + [self._entry(status, message)]
            self.store.change("stacks", row["Id"], Status=status, DeploymentStatus=entries)

    def _failure(self, error):
        """What docker says of a swarm's stack is told as it stands."""
        title = f"{error_title(error)}: " if not compose.is_swarm(self.stack) else ""
        return ApiError(500, f"{title}{error}")

    def _history(self, before):
        return {
            "DeploymentStartStatus": before,
            "DeploymentStatus": [self._entry(DEPLOYING, "")],
        }

    def _entry(self, status, message):
        return {"Status": status, "Time": int(self.double.clock.now()), "Message": message}


class PullError(ComposeError):
    """The images could not be pulled: nothing was taken down."""


def error_title(error):
    if isinstance(error, PullError):
        return "failed to pull images of the stack"
    return "failed to deploy a stack"
