"""The documented example, run unchanged as a program of its own."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

SCRIPT = Path(__file__).parents[3] / "docs" / "examples" / "create_and_control.py"


def run_example(portal, plan_id, name):
    """Runs the script against a portal; the client that it made, with what it printed."""
    login, password, owner_password = f"{name}@example.com", "In the portal", "In the database"
    arguments = {
        # The slash at the end is on purpose.
        "--url": f"http://127.0.0.1:{portal.port}/",
        "--db": portal.name,
        "--password": portal.admin_password,
        "--plan": str(plan_id),
        "--dbname": name,
        "--login": login,
        "--client-password": password,
        "--owner-password": owner_password,
    }
    done = subprocess.run(
        [sys.executable, "-I", SCRIPT, *(part for pair in arguments.items() for part in pair)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = portal.admin.call(
        "saas_portal.client", "search_read", [("name", "=", name)], ["client_id", "partner_id"]
    )
    return SimpleNamespace(
        id=row["id"],
        client_id=row["client_id"],
        partner_id=row["partner_id"][0],
        name=name,
        login=login,
        password=password,
        owner_password=owner_password,
        owner=portal.rpc(name, login, owner_password),
        output=done.stdout,
    )
