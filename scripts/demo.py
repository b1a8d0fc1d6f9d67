"""Makes the demo of `./dev run` as any outside script would: by XML-RPC alone, with public methods.

It can be repeated: what is there already is kept.
"""

import argparse
import json
import os
import pathlib
import secrets
import sys
import threading
import xmlrpc.client

PLAN = "Demo"
TEMPLATE = "template-demo.localhost"
CLIENT = "demo.localhost"
CUSTOMER = "customer@example.com"
TIMEOUT = 1800


class SlowTransport(xmlrpc.client.Transport):
    """A template takes a minute to build: wait longer than a socket does by default."""

    def make_connection(self, host):
        connection = super().make_connection(host)
        connection.timeout = TIMEOUT
        return connection


class Odoo:
    """One user's calls to one database; the header stands for a host name, so DNS is not needed."""

    def __init__(self, url, database, login, password):
        self.database, self.password = database, password
        self.url = url
        self.uid = self._proxy("common").authenticate(database, login, password, {})
        if not self.uid:
            sys.exit(f"error: {login} could not log in to {database}")

    def _proxy(self, service):
        return xmlrpc.client.ServerProxy(
            f"{self.url}/xmlrpc/2/{service}",
            transport=SlowTransport(headers=[("X-Odoo-Database", self.database)]),
        )

    def call(self, model, method, *args, **kwargs):
        return self._proxy("object").execute_kw(
            self.database, self.uid, self.password, model, method, args, kwargs
        )


def remembered(path):
    """The demo's generated passwords, kept in a file that only its owner can read."""
    if path.exists():
        return json.loads(path.read_text())
    values = {name: secrets.token_urlsafe(12) for name in ("customer_password", "owner_password")}
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(values, file)
    return values


def with_progress(title, work, look):
    """Runs `work` beside a line that shows what `look` sees every two seconds."""
    result = {}

    def target():
        try:
            result["value"] = work()
        except Exception as error:
            result["error"] = error

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    print(f"==> {title} ...", end="", file=sys.stderr, flush=True)
    seen = ""
    while thread.is_alive():
        thread.join(2)
        now = look() if thread.is_alive() else ""
        if now and now != seen:
            print(f"\n      {now}", end="", file=sys.stderr, flush=True)
            seen = now
        else:
            print(".", end="", file=sys.stderr, flush=True)
    print(" failed" if "error" in result else " done", file=sys.stderr, flush=True)
    if "error" in result:
        raise result["error"]
    return result["value"]


def running_step(admin):
    """What the portal is doing now."""
    rows = admin.call(
        "saas_portal.operation", "search_read",
        [("state", "in", ("pending", "running"))], ["progress", "current_step"], limit=1,
    )  # fmt: skip
    return "{current_step} ({progress:.0f} %)".format(**rows[0]) if rows else ""


def ensure_address(admin, port):
    """Where people reach the portal and the clients: the port may be another one than last time."""
    parameters = {"web.base.url": f"http://{admin.database}:{port}", "web.base.url.freeze": "True"}
    for key, value in parameters.items():
        admin.call("ir.config_parameter", "set_param", key, value)
    servers = admin.call("saas_portal.server", "search", [["driver", "=", "local"]], limit=1)
    admin.call("saas_portal.server", "write", servers, {"request_port": int(port)})


def ensure_plan(admin):
    found = admin.call("saas_portal.plan", "search_read", [("name", "=", PLAN)], ["state"], limit=1)
    if found:
        plan, state = found[0]["id"], found[0]["state"]
    else:
        (server,) = admin.call("saas_portal.server", "search", [], limit=1)
        plan = admin.call(
            "saas_portal.plan", "create",
            {
                "name": PLAN,
                "server_id": server,
                "dbname_template": "demo-%i.localhost",
                "template_id": ensure_template(admin, server),
            },
        )  # fmt: skip
        state = "draft"
    if state != "confirmed":
        with_progress(
            "Building the template of the demo plan (about a minute)",
            lambda: admin.call("saas_portal.plan", "create_template", [plan]),
            lambda: running_step(admin),
        )
    return plan


def ensure_template(admin, server):
    found = admin.call("saas_portal.database", "search", [("name", "=", TEMPLATE)], limit=1)
    if found:
        return found[0]
    return admin.call("saas_portal.database", "create", {"name": TEMPLATE, "server_id": server})


def ensure_customer(admin, password):
    found = admin.call("res.users", "search", [("login", "=", CUSTOMER)], limit=1)
    if not found:
        values = {"login": CUSTOMER, "name": "Demo Customer", "password": password}
        admin.call("res.users", "signup", values)
        found = admin.call("res.users", "search", [("login", "=", CUSTOMER)], limit=1)
    return found[0]


def ensure_client(admin, plan, user, owner_password):
    wanted = [("name", "=", CLIENT), ("state", "!=", "deleted")]
    if not admin.call("saas_portal.client", "search", wanted):
        arguments = {"dbname": CLIENT, "user_id": user, "owner_password": owner_password}
        with_progress(
            f"Making the first client, {CLIENT}",
            lambda: admin.call("saas_portal.plan", "create_new_database", [plan], **arguments),
            lambda: running_step(admin),
        )
    # A creation that an interrupted run began is being finished by the portal.
    if client_state(admin, wanted) == "building":
        with_progress(
            f"Waiting for {CLIENT}, which is being made",
            lambda: wait_while_building(admin, wanted),
            lambda: running_step(admin),
        )
    state = client_state(admin, wanted)
    if state != "open":
        print(f"==> {CLIENT} is {state}: the portal's backend says more.", file=sys.stderr)


def client_state(admin, wanted):
    rows = admin.call("saas_portal.client", "search_read", wanted, ["state"], limit=1)
    return rows[0]["state"] if rows else "missing"


def wait_while_building(admin, wanted):
    pause = threading.Event()
    for _look in range(60):
        if client_state(admin, wanted) != "building":
            return
        pause.wait(2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8069")
    parser.add_argument("--database", default="portal.localhost")
    parser.add_argument("--password-file", type=pathlib.Path, required=True)
    parser.add_argument("--state", type=pathlib.Path, required=True)
    options = parser.parse_args()
    passwords = remembered(options.state)
    admin = Odoo(options.url, options.database, "admin", options.password_file.read_text().strip())
    port = options.url.rpartition(":")[2]
    ensure_address(admin, port)
    plan = ensure_plan(admin)
    user = ensure_customer(admin, passwords["customer_password"])
    Odoo(options.url, options.database, CUSTOMER, passwords["customer_password"])
    ensure_client(admin, plan, user, passwords["owner_password"])
    print(
        f"         customer {CUSTOMER}, password {passwords['customer_password']}\n"
        f"Client   http://{CLIENT}:{port}\n"
        f"         login {CUSTOMER}, password {passwords['owner_password']}"
    )


if __name__ == "__main__":
    try:
        main()
    except xmlrpc.client.Fault as fault:
        sys.exit(f"error: the portal answered: {fault.faultString.strip().splitlines()[-1]}")
    except OSError as error:
        sys.exit(f"error: the portal went away: {error}")
