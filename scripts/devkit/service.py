"""The service that `./dev run` gives: a cluster, a portal database, an Odoo server, a demo."""

import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
import sys

from passlib.context import CryptContext

from . import docker_engine, odoo
from .cluster import Cluster
from .console import Failure, Step, say
from .paths import DEV, LOGS, ROOT, ensure_secret, our_addons
from .ports import free_port, is_free

PORTAL = "portal.localhost"
# What the portal is made of, of the addons that this repository has.
PORTAL_ADDONS = ("saas_portal", "sadeem_portainer", "sadeem_saas_docker", "saas_rest_api")
KEPT_BY_RESET = {"odoo", "venv"}


class Service:
    """Everything lies in the ignored folder, so that removing it removes the service."""

    def __init__(self):
        self.cluster = Cluster(DEV / "pg", first_port=_number("SAAS_DEV_PG_PORT", 5469))
        self.conf = DEV / "odoo.conf"
        self.data = DEV / "data"
        self.log = LOGS / "odoo.log"
        self.interface = os.environ.get("SAAS_DEV_INTERFACE", "127.0.0.1")
        self.port_file = DEV / "odoo.port"

    # --- verbs ----------------------------------------------------------------

    def run(self):
        self.start_cluster()
        server = self.server(self._choose_port())
        changed = self._configure(server.port)
        fresh = self._ensure_portal(server)
        if server.pid and (changed or not server.answers()):
            with Step("Stopping Odoo, its configuration changed"):
                server.stop()
        if not server.pid:
            self._write_base_url(server.port)
            with Step(f"Starting Odoo on {self.interface}:{server.port}"):
                server.start()
        demo = self._run_demo(server.port)
        password = (DEV / "admin_password").read_text()
        print(f"\nPortal   http://{PORTAL}:{server.port}")
        print(f"         login admin, password {password}\n{demo}", flush=True)
        if fresh:
            say("`./dev test` runs the tests, `./dev help` lists the other words.")

    def stop(self):
        server = self.server()
        if server.pid:
            with Step("Stopping Odoo"):
                server.stop()
        if self.cluster.is_running():
            with Step("Stopping PostgreSQL"):
                self.cluster.stop()

    def restart(self):
        server = self.server()
        if server.pid:
            with Step("Stopping Odoo"):
                server.stop()
        self.run()

    def reset(self, everything=False, sure=False):
        """Back to the state before the first run; the downloaded Odoo and the venv may stay."""
        what = str(DEV) if everything else f"the databases and all of {DEV} but Odoo and the venv"
        if not sure:
            _confirm(f"This removes {what}.")
        with contextlib.suppress(Failure):
            self.server().stop()
        with Step(f"Removing {what}"):
            docker_engine.stop_all()
            self.cluster.destroy()
            for entry in DEV.iterdir():
                if everything or entry.name not in KEPT_BY_RESET:
                    _remove(entry)
        if everything:
            _remove(DEV)

    def shell(self, database=PORTAL, *arguments):
        self._need_cluster()
        self._need_conf()
        options = ["shell", "-d", database, "--no-http", "--log-level=warn", *arguments]
        command = odoo.command(self.conf, *options)
        # `odoo shell` wants its verb first.
        os.chdir(ROOT)
        os.execve(sys.executable, command, odoo.environment(self.cluster))

    def psql(self, database=PORTAL, *arguments):
        self._need_cluster()
        program = shutil.which("psql")
        if not program:
            raise Failure("psql was not found; `./dev setup` installs it.")
        environment = {**os.environ, **self.cluster.environment()}
        os.execve(program, [program, "-d", database, *arguments], environment)

    def logs(self, *arguments):
        if not self.log.exists():
            raise Failure("There is no log yet; `./dev run` starts the service.")
        follow = [argument for argument in arguments if argument in ("-f", "--follow")]
        rest = [argument for argument in arguments if argument not in follow]
        tail = shutil.which("tail") or "tail"
        options = ["-F"] if follow else []
        os.execv(tail, [tail, *options, *(rest or ["-n", "100"]), str(self.log)])

    # --- parts ----------------------------------------------------------------

    def start_cluster(self):
        if not self.cluster.exists():
            with Step("Making a private PostgreSQL cluster"):
                self.cluster.create()
        if self.cluster.is_running():
            self.cluster.start()
        else:
            with Step("Starting PostgreSQL"):
                self.cluster.start()

    def server(self, port=None):
        if port is None:
            port = self._last_port() or 0
        return odoo.OdooServer(
            self.conf, self.cluster, port, self.log, DEV / "odoo.pid", self.interface
        )

    def _last_port(self):
        with contextlib.suppress(OSError, ValueError):
            return int(self.port_file.read_text())
        return None

    def _choose_port(self):
        """The port asked for, the one of last time, else the first free one from 8069 on."""
        asked = _number("SAAS_DEV_PORT", 0)
        last = self._last_port()
        running = self.server().pid is not None
        if not running:
            self.server().stop()
        if running and last and (not asked or asked == last):
            return last
        if asked:
            if not is_free(asked):
                raise Failure(f"Port {asked} (SAAS_DEV_PORT) is taken by another program.")
            port = asked
        elif last and is_free(last):
            port = last
        else:
            port = free_port(8069)
        if running:
            with Step("Stopping Odoo, it moves to another port"):
                self.server().stop()
        self.port_file.write_text(str(port))
        return port

    def _gevent_port(self, port):
        """The port of websockets when there are workers; kept while it can be."""
        file = DEV / "gevent.port"
        last = int(file.read_text()) if file.exists() else 0
        if last in (0, port) or not (self.server().pid or is_free(last)):
            last = free_port(8072, taken={port})
            file.write_text(str(last))
        return last

    def _configure(self, port):
        before = self.conf.read_text() if self.conf.exists() else ""
        gevent = self._gevent_port(port)
        odoo.write_conf(
            self.conf,
            self.cluster,
            data_dir=self.data,
            http_interface=self.interface,
            http_port=port,
            gevent_port=gevent,
            proxy_mode=os.environ.get("SAAS_DEV_PROXY_MODE", "") in ("1", "true", "True"),
            workers=_number("SAAS_DEV_WORKERS", 0),
            max_cron_threads=1,
            saas_secret_key=ensure_secret(DEV / "secret_key", odoo.fernet_key),
        )
        return self.conf.read_text() != before

    def _ensure_portal(self, server):
        """Makes the portal database, or updates our addons in it when their code changed."""
        addons = [name for name in PORTAL_ADDONS if name in our_addons()]
        if not addons:
            raise Failure("No addon for the portal was found beside this script.")
        mark = DEV / "portal.addons"
        code = _digest(our_addons())
        known = PORTAL in self.cluster.databases() and mark.exists()
        if known and mark.read_text() == code:
            return False
        server.stop()
        log = LOGS / "portal.log"
        if known:
            with Step("Updating the portal database, the addons changed") as step:
                odoo.install(
                    self.conf, self.cluster, PORTAL, addons, log, step.progress, update=True
                )
        else:
            self._drop_portal()
            with Step(f"Making the portal database {PORTAL} (a minute or two)") as step:
                odoo.install(self.conf, self.cluster, PORTAL, addons, log, step.progress)
            self._set_admin_password()
        mark.write_text(code)
        return not known

    def _drop_portal(self):
        """What an interrupted first run left."""
        self.cluster.query("postgres", f'DROP DATABASE IF EXISTS "{PORTAL}" WITH (FORCE)')
        shutil.rmtree(self.data / "filestore" / PORTAL, ignore_errors=True)

    def _set_admin_password(self):
        password = ensure_secret(DEV / "admin_password", lambda: secrets.token_urlsafe(12))
        self.cluster.query(
            PORTAL,
            "UPDATE res_users SET password = %s WHERE login = 'admin'",
            [CryptContext(["pbkdf2_sha512"]).hash(password)],
        )

    def _write_base_url(self, port):
        """Links in mails and to clients carry the port; Odoo would learn it at admin's login."""
        self.cluster.query(
            PORTAL,
            "UPDATE ir_config_parameter SET value = %s WHERE key = 'web.base.url'",
            [f"http://{PORTAL}:{port}"],
        )

    def _run_demo(self, port):
        """The demo is made by a script that knows only the public API; returns what it says."""
        script = subprocess.run(
            [
                sys.executable,
                ROOT / "scripts" / "demo.py",
                f"--url=http://127.0.0.1:{port}",
                f"--database={PORTAL}",
                f"--password-file={DEV / 'admin_password'}",
                f"--state={DEV / 'demo.json'}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if script.returncode:
            raise Failure(f"The demo could not be made; Odoo's log is {self.log}")
        return script.stdout

    def _need_cluster(self):
        if not self.cluster.exists():
            raise Failure("There is no service yet; `./dev run` makes it.")
        self.start_cluster()

    def _need_conf(self):
        if not self.conf.exists():
            raise Failure("There is no service yet; `./dev run` makes it.")


def _number(variable, default):
    text = os.environ.get(variable) or str(default)
    if not text.isdigit():
        raise Failure(f"{variable} must be a number, not {text!r}.")
    return int(text)


def _digest(addons):
    """Changes when any file of the addons that a running Odoo uses changes."""
    digest = hashlib.sha256()
    for addon in addons:
        for path in sorted((ROOT / addon).rglob("*")):
            parts = path.relative_to(ROOT).parts
            if path.is_file() and not {"__pycache__", "tests", "readme"} & set(parts):
                digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def _confirm(question):
    try:
        answer = input(f"{question} Type yes to go on: ")
    except (EOFError, OSError, RuntimeError):
        answer = ""
    if answer.strip().lower() != "yes":
        raise Failure("Nothing was removed (`--yes` answers the question).")


def _remove(path):
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path)
