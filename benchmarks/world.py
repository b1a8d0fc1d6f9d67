"""A database to measure in, and Odoo servers that serve it."""

import contextlib
from pathlib import Path

from devkit import odoo
from devkit.cluster import Cluster
from devkit.ports import free_port
from measuring import Meter

DATABASE = "bench"
PARTNERS = 5000
TOKENS = 100_000
PASSWORD = "bench"
#: Runs inside Odoo; the last line that it prints is JSON.
FILL = f"""
import datetime, json
admin = env.ref("base.user_admin")
admin.password = {PASSWORD!r}
countries = env["res.country"].search([], limit=40).ids
cities = ["Casablanca", "Rabat", "Paris", "Lyon"]
env["res.partner"].create([
    {{
        "name": f"Company {{number:05d}}",
        "is_company": True,
        "email": f"company{{number}}@example.com",
        "city": cities[number % 4],
        "ref": f"REF{{number}}",
        "country_id": countries[number % 40],
    }}
    for number in range({PARTNERS})
])
until = datetime.datetime.now() + datetime.timedelta(days=30)
key = env["res.users.apikeys"].with_user(admin)._generate("rpc", "bench", until)
values = {{"name": "bench", "source": "backend", "rate_per_minute": 100_000_000}}
token = env["saas_rest.token"]._mint(admin, values)[1]
env.cr.commit()
env.cr.execute("ANALYZE")
env.cr.commit()
print(json.dumps({{"key": key, "token": token}}))
"""
LOOK_UP = """
import json, time
look_up = env["saas_rest.token"]._look_up
times = []
for _number in range(500):
    start = time.perf_counter()
    assert look_up({token!r})[1] is None
    times.append((time.perf_counter() - start) * 1000)
times.sort()
print(json.dumps({{"median_ms": times[250], "p95_ms": times[475]}}))
"""


class World:
    """Makes the database once; serves it as often as needed."""

    def __init__(self, cluster: Cluster, folder: Path):
        self.cluster = cluster
        self.folder = folder
        self.conf = self._write_conf(0)
        odoo.install(self.conf, cluster, DATABASE, ["rpc", "saas_rest_api"], folder / "install.log")
        filled = self._run(FILL)
        self.key, self.token = filled["key"], filled["token"]

    def _write_conf(self, workers: int) -> Path:
        port = free_port(8600)
        self.port = port
        return odoo.write_conf(
            self.folder / f"odoo-{workers}.conf",
            self.cluster,
            data_dir=self.folder / "data",
            dbfilter="",
            http_port=port,
            gevent_port=free_port(port + 1),
            workers=workers,
            max_cron_threads=0,
            server_wide_modules="base,rpc,web,saas_rest_api",
        )

    def _run(self, script: str) -> dict:
        """Run Python inside Odoo; what it prints last."""
        return odoo.run_script(self.conf, self.cluster, DATABASE, script)

    @contextlib.contextmanager
    def server(self, workers: int):
        """A running server and a meter for it; workers=0 means threads."""
        self.conf = self._write_conf(workers)
        server = odoo.OdooServer(
            self.conf,
            self.cluster,
            self.port,
            self.folder / f"odoo-{workers}.log",
            self.folder / f"odoo-{workers}.pid",
        )
        server.start()
        try:
            postmaster = (self.cluster.data / "postmaster.pid").read_text().split()[0]
            yield Meter(self.port, [server.pid, int(postmaster)])
        finally:
            server.stop()

    def look_up(self) -> dict:
        """How long it takes to find a token among those that there are."""
        return self._run(LOOK_UP.format(token=self.token))

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
