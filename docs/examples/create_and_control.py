#!/usr/bin/env python3
"""Create a client database and control it, from outside, with nothing but XML-RPC.

    python3 create_and_control.py --url http://portal.localhost:8069 --db portal.localhost \
        --password ADMIN_PASSWORD --plan Demo --dbname shop.localhost

The script signs up a customer, creates a database for him and then suspends, resumes, limits,
extends and restricts that database. It needs Python 3.8 or later and no other package. Installing
apps takes a minute or two. Run it again with another --dbname and --login.
"""

import argparse
import json
import xmlrpc.client


def read_arguments():
    parser = argparse.ArgumentParser(
        description="Create a client database through the portal's API, and control it."
    )
    parser.add_argument("--url", required=True, help="http://portal.localhost:8069")
    parser.add_argument("--db", required=True, help="the portal's database: portal.localhost")
    parser.add_argument("--username", default="admin", help="of the portal (default: %(default)s)")
    parser.add_argument("--password", required=True, help="his password, or an API key")
    parser.add_argument("--plan", required=True, help="name or id of a confirmed plan")
    parser.add_argument("--dbname", required=True, help="name and host of the new database")
    parser.add_argument("--login", default="client-email@example.com", help="of the customer")
    parser.add_argument("--name", default="Client Name", help="of the customer")
    parser.add_argument(
        "--client-password", default="Client Password", help="with which he enters the portal"
    )
    parser.add_argument(
        "--owner-password", default="Owner Password", help="with which he enters his database"
    )
    return parser.parse_args()


class Database:
    """One Odoo database on a server. The header chooses it, so that no DNS is needed."""

    def __init__(self, url, name):
        # A slash at the end of the address is fine, but the paths must not begin with two.
        url, headers = url.rstrip("/"), [("X-Odoo-Database", name)]
        self.name = name
        self.common = xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/common", headers=headers)
        self.models = xmlrpc.client.ServerProxy(f"{url}/xmlrpc/2/object", headers=headers)

    def authenticate(self, login, password):
        """The user's id, or False."""
        return self.common.authenticate(self.name, login, password, {})


def main():
    options = read_arguments()

    print(f"Authenticate {options.username} with the portal {options.db}")
    portal = Database(options.url, options.db)
    admin_uid = portal.authenticate(options.username, options.password)
    if not admin_uid:
        raise SystemExit(f"{options.db} does not know {options.username} with this password.")
    print(f"  user id {admin_uid}")

    def execute(model, method, *args, **kwargs):
        return portal.models.execute_kw(
            options.db, admin_uid, options.password, model, method, args, kwargs
        )

    print(f"Find the plan {options.plan}")
    by = "id" if options.plan.isdigit() else "name"
    value = int(options.plan) if options.plan.isdigit() else options.plan
    plans = execute("saas_portal.plan", "search", [[by, "=", value]])
    if not plans:
        raise SystemExit(f"There is no plan {options.plan}.")
    plan_id = plans[0]
    print(f"  plan id {plan_id}")

    print(f"Sign up {options.login}")
    login, _password = execute(
        "res.users",
        "signup",
        {"login": options.login, "name": options.name, "password": options.client_password},
    )
    client_uid = portal.authenticate(login, options.client_password)
    print(f"  user id {client_uid}")

    print(f"Create the database {options.dbname}")
    created = execute(
        "saas_portal.plan",
        "create_new_database",
        [plan_id],
        dbname=options.dbname,
        user_id=client_uid,
        owner_password=options.owner_password,
    )
    print(f"  client id {created['id']}, log in at {created['url']}")
    owner_uid = Database(options.url, options.dbname).authenticate(login, options.owner_password)
    print(f"  the owner logs in there as user {owner_uid}")

    print("Find it by plan and customer, and by name")
    partner_id = execute("res.users", "read", [client_uid], ["partner_id"])[0]["partner_id"][0]
    ids = execute(
        "saas_portal.client",
        "search",
        [["plan_id", "=", plan_id], ["partner_id", "=", partner_id]],
    )
    print(f"  by plan and customer: {ids}")
    ids = execute("saas_portal.client", "search", [["name", "=", options.dbname]])
    print(f"  by name: {ids}")
    client_id = ids[0]

    def configure(title, **payload):
        print(title)
        answer = execute("saas.config", "do_upgrade_database", payload, client_id)
        print(f"  {json.loads(answer)[options.dbname] or 'done'}")
        client = execute(
            "saas_portal.client", "read", [client_id],
            ["state", "max_users", "total_storage_limit"],
        )[0]  # fmt: skip
        print(
            f"  {client['state']}; users: {client['max_users'] or 'unlimited'};"
            f" MB: {client['total_storage_limit'] or 'unlimited'}"
        )

    def parameter(key, value):
        return [{"key": key, "value": value, "hidden": True}]

    configure("Suspend", params=parameter("saas_client.suspended", "1"))
    configure("Resume", params=parameter("saas_client.suspended", "0"))
    configure("Allow 4 users", params=parameter("saas_client.max_users", "4"))
    configure("Allow 500 MB", params=parameter("saas_client.total_storage_limit", "500"))
    configure("Install sale and fleet", install_addons=["sale", "fleet"])
    configure("Uninstall fleet", uninstall_addons=["fleet"])
    configure("Install stock, whose group comes next", install_addons=["stock"])
    configure(
        "Make the owner sales and stock manager",
        access_owner_add=["base.group_sale_manager", "stock.group_stock_manager"],
    )
    configure(
        "Take the Apps menu from everybody",
        access_remove=["access_apps.group_show_modules_menu"],
    )
    print("Done")


if __name__ == "__main__":
    try:
        main()
    except xmlrpc.client.Fault as fault:
        raise SystemExit(f"The portal refuses ({fault.faultCode}): {fault.faultString}") from None
