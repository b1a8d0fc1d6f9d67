"""A running Odoo with sadeem_portainer, and with other addons on top of it."""

import contextlib
import functools
from types import SimpleNamespace

from devkit import odoo
from devkit.cluster import throw_away_cluster
from devkit.ports import free_port
from harness.rpc import Rpc

DATABASE = "portal.localhost"


@contextlib.contextmanager
def running(folder, addons=("sadeem_portainer",), **options):
    """`.admin` calls methods, `.server` can be killed and started, `.log` is a file, and
    `.query(sql, params)` asks its database.

    Scheduled actions run only if ``max_cron_threads`` says so.
    """
    with throw_away_cluster("docker") as cluster:
        port = free_port(31000)
        conf = odoo.write_conf(
            folder / "odoo.conf",
            cluster,
            data_dir=folder / "data",
            http_port=port,
            gevent_port=free_port(port + 1),
            saas_secret_key=odoo.fernet_key(),
            **{"workers": 0, "max_cron_threads": 0, **options},
        )
        odoo.install(conf, cluster, DATABASE, list(addons), folder / "install.log")
        server = odoo.OdooServer(conf, cluster, port, folder / "odoo.log", folder / "odoo.pid")
        server.start()

        def rpc(login, password):
            return Rpc(port, DATABASE, login, password)

        try:
            yield SimpleNamespace(
                admin=rpc("admin", "admin"),
                rpc=rpc,
                server=server,
                log=folder / "odoo.log",
                query=functools.partial(cluster.query, DATABASE),
            )
        finally:
            server.stop()
