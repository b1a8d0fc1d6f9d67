"""A database to measure in, and Odoo servers that serve it."""

import contextlib
from pathlib import Path

from devkit import odoo
from devkit.cluster import Cluster
from devkit.console import Failure
from devkit.paths import addons_path
from devkit.ports import free_port
from measuring import Meter

DATABASE = "bench"
PARTNERS = 5000
TOKENS = 100_000
PASSWORD = "bench"
#: Users refused-0, refused-1 … whose passwords nobody gets right.
KNOWN = 8
BARE = Path(__file__).resolve().parent / "bare"
#: Runs inside Odoo; the last line that it prints is JSON.
FILL = f"""
import datetime, json
admin = env.ref("base.user_admin")
admin.password = {PASSWORD!r}
countries = env["res.country"].search([], limit=40).ids
cities = ["Casablanca", "Rabat", "Paris", "Lyon"]
company = env["res.partner"].create({{"name": "Company", "is_company": True}})
env.flush_all()
# The others differ from this one in the columns that are left out here.
env.cr.execute(
    "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
    " WHERE table_name = 'res_partner' AND column_name NOT IN ('id', 'commercial_partner_id',"
    " 'name', 'complete_name', 'email', 'city', 'ref', 'country_id')"
)
columns = env.cr.fetchone()[0]
env.cr.execute(
    "INSERT INTO res_partner"
    f" (name, complete_name, email, ref, city, country_id, {{columns}})"
    " SELECT title, title, 'company' || n || '@example.com', 'REF' || n,"
    f" (%s::text[])[1 + n %% 4], (%s::int[])[1 + n %% 40], {{columns}}"
    " FROM res_partner, generate_series(1, {PARTNERS}) AS n,"
    " LATERAL (SELECT 'Company ' || lpad(n::text, 5, '0') AS title) AS t WHERE id = %s",
    [cities, countries, company.id],
)
env.cr.execute(
    "UPDATE res_partner SET commercial_partner_id = id WHERE commercial_partner_id IS NULL"
)
env.invalidate_all()
company.unlink()
until = datetime.datetime.now() + datetime.timedelta(days=30)
key = env["res.users.apikeys"].with_user(admin)._generate("rpc", "bench", until)
values = {{"name": "bench", "source": "backend", "rate_per_minute": 100_000}}
token = env["saas_rest.token"]._mint(admin, values)[1]
env["ir.config_parameter"].set_param("saas_rest_api.rate_per_ip", 100_000_000)
logins = [f"refused-{{number}}" for number in range({KNOWN})]
env["res.users"].create([{{"name": login, "login": login}} for login in logins])
# One hash for all: it takes as long to make as to check.
env.cr.execute(
    "UPDATE res_users SET password = (SELECT password FROM res_users WHERE id = %s)"
    " WHERE login = ANY(%s)",
    [admin.id, logins],
)
env.cr.commit()
env.cr.execute("ANALYZE")
env.cr.commit()
print(json.dumps({{"key": key, "token": token}}))
"""
#: The same table twice, with few tokens and with many: looked into by turns, so that whatever else
#: the machine does meets both.
LOOK_UP = """
import json, time
table = "saas_rest_token"
env.cr.execute("CREATE SCHEMA few")
env.cr.execute(f"CREATE TABLE few.{{table}} (LIKE public.{{table}} INCLUDING ALL)")
env.cr.execute(
    f"INSERT INTO few.{{table}} SELECT * FROM public.{{table}} WHERE id IN ("
    f" SELECT id FROM public.{{table}} ORDER BY id LIMIT 100); ANALYZE few.{{table}}"
)
times = {{"few, public": [], "public": []}}
look_up = env["saas_rest.token"]._look_up
for number in range(4000):
    path = ("few, public", "public")[number % 2]
    env.cr.execute(f"SET LOCAL search_path = {{path}}")
    start = time.perf_counter()
    assert look_up({token!r})[1] is None
    times[path].append((time.perf_counter() - start) * 1000)
from odoo.addons.saas_rest_api.models.saas_rest_token import _LOOK_UP
env.cr.execute("EXPLAIN " + _LOOK_UP, ["0123abcd"])
plan = " ".join(line.strip() for (line,) in env.cr.fetchall())
found = {{"plan": plan}}
for name, path in (("few", "few, public"), ("many", "public")):
    ordered = sorted(times[path])
    found[name] = {{"median_ms": ordered[1000], "p95_ms": ordered[1900]}}
print(json.dumps(found))
"""
INDEX = "saas_rest_token_prefix_idx"


class World:
    """Makes the database once; serves it as often as needed."""

    def __init__(self, cluster: Cluster, folder: Path):
        self.cluster = cluster
        self.folder = folder
        self.conf = self._write_conf(0)
        odoo.install(self.conf, cluster, DATABASE, ["rpc", "saas_rest_api"], folder / "install.log")
        filled = self._run(FILL)
        self.key, self.token = filled["key"], filled["token"]

    def _write_conf(self, workers: int, bare: bool = False) -> Path:
        port = free_port(8620 if bare else 8600)
        self.port = port
        more = {}
        if bare:
            more["addons_path"] = ",".join([*addons_path(), str(BARE)])
        modules = ["base", "rpc", "web", "saas_rest_api", *(["rest_bare"] if bare else [])]
        return odoo.write_conf(
            self.folder / f"odoo-{workers}{'-bare' * bare}.conf",
            self.cluster,
            **more,
            data_dir=self.folder / "data",
            dbfilter="",
            http_port=port,
            gevent_port=free_port(port + 1),
            workers=workers,
            max_cron_threads=0,
            server_wide_modules=",".join(modules),
        )

    def _run(self, script: str) -> dict:
        """Run Python inside Odoo; what it prints last."""
        return odoo.run_script(self.conf, self.cluster, DATABASE, script)

    @contextlib.contextmanager
    def server(self, workers: int, bare: bool = False):
        """A running server and a meter for it.

        :param workers: 0 means threads
        :param bare: without limiter, audit log and entity tags
        """
        self.conf = self._write_conf(workers, bare)
        server = odoo.OdooServer(
            self.conf,
            self.cluster,
            self.port,
            self.conf.with_suffix(".log"),
            self.conf.with_suffix(".pid"),
        )
        server.start()
        try:
            postmaster = (self.cluster.data / "postmaster.pid").read_text().split()[0]
            yield Meter(self.port, [server.pid, int(postmaster)])
        finally:
            server.stop()

    def look_up(self) -> dict:
        """How long it takes to find a token among few and among many.

        :raises Failure: the index is not used
        """
        found = self._run(LOOK_UP.format(token=self.token))
        if INDEX not in found["plan"]:
            raise Failure(f"Tokens are looked up without {INDEX}: {found['plan']}")
        return found

    def forget_failures(self) -> None:
        """No login is locked any more."""
        self.cluster.query(DATABASE, "TRUNCATE saas_rest_throttle")

    def add_tokens(self) -> None:
        """Many tokens of other people, in the table that is searched."""
        self.cluster.query(
            DATABASE,
            "INSERT INTO saas_rest_token (name, user_id, prefix, hash, source)"
            " SELECT 'bench', 2, substr(md5(n::text), 1, 8), repeat(md5(n::text), 2), 'api'"
            " FROM generate_series(1, %s) AS n",
            [TOKENS],
        )
        self.cluster.query(DATABASE, "ANALYZE saas_rest_token")
