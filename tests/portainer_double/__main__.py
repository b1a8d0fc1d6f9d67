"""`python -m portainer_double`: the double in the foreground, until it is told to end."""

import argparse
import json
import os
import signal
import sys
import threading

from . import Double, Server, docker_api, endpoints, users
from .agent import Agent
from .faults import KINDS


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="portainer_double",
        description="A stand-in for Portainer CE in front of a real Docker engine.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="faults (--fault, PORTAINER_DOUBLE_FAULTS or POST /_double/faults):\n"
        + "\n".join(f"  {kind:14} {text}" for kind, text in KINDS.items()),
    )
    add = parser.add_argument
    environment = os.environ.get
    add("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    add("--port", type=int, default=9443, help="HTTPS port (9443)")
    add("--http-port", type=int, default=0, help="plain HTTP port; 0 = none")
    add("--no-tls", action="store_true", help="plain HTTP on --port")
    add("--docker", default=docker_api.LOCAL_SOCKET, help="the engine called local")
    add("--mode", choices=("2.23", "2.45"), default=environment("PORTAINER_DOUBLE_MODE", "2.23"))
    add("--state", "--data", default="/data", help="folder for what a restart keeps (/data)")
    add("--setup-token", help="instead of a random one (2.45)")
    add("--no-setup-token", action="store_true", help="none is needed (2.45)")
    add("--admin-password-file", help="makes the user admin if there is none")
    add("--endpoint", help="name of a local environment, made if there is none")
    add("--fault", action="append", default=[], metavar="JSON", help='{"kind": …, "match": …}')
    add("--agent", action="store_true", help="be an agent instead, on --port")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    app = make_agent(options) if options.agent else make_double(options)
    servers = [Server(app, options.host, options.port, tls=not options.no_tls).start()]
    if options.http_port:
        servers.append(Server(app, options.host, options.http_port, tls=False).start())
    if not options.agent:
        faults = [*options.fault, *json.loads(os.environ.get("PORTAINER_DOUBLE_FAULTS") or "[]")]
        for fault in faults:
            app.faults.add(**(json.loads(fault) if isinstance(fault, str) else fault))
    for server in servers:
        print(f"listening on {server.url}", flush=True)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()
    for server in servers:
        server.stop()


def make_agent(options):
    return Agent(options.state, options.docker)


def make_double(options):
    token = "" if options.no_setup_token or options.admin_password_file else options.setup_token
    double = Double(options.state, options.docker, options.mode, token, log=log)
    if options.admin_password_file and not double.store.has_admin():
        with open(options.admin_password_file) as file:
            users.create(double.store, "admin", file.read().removesuffix("\n"), 1)
    if options.endpoint and not double.store.all("endpoints"):
        endpoint = endpoints.blank(options.endpoint, 1, docker_api.LOCAL_SOCKET, False)
        endpoints.snapshots.refresh(double, double.store.insert("endpoints", endpoint))
    return double


def log(text):
    print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
