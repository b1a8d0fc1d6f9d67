"""Specifications of stacks to try, and how compose reads the texts that are made of them."""

import dataclasses
import re

import yaml
from saas_stack import (
    ExternalDatabase,
    InStackDatabase,
    OdooOptions,
    Ports,
    Resources,
    Routing,
    StackSpec,
    SwarmOptions,
)

KEY = "5f0c6b7e-3d8c-4a51-9a53-0f6e1d2c3b4a"
PLAIN = StackSpec(KEY, "acme.example.com", "acme.example.com", "saas-client:19.0")
#: Every setting differs from its default.
FULL = StackSpec(
    key=KEY,
    name="acme.example.com",
    host="shop.acme.example",
    image="registry.example.com:5000/saas/client:19.0",
    odoo=OdooOptions(
        workers=3,
        limit_time_cpu=611,
        limit_time_real=1223,
        limit_time_real_cron=1831,
        limit_request=4099,
        log_level="warn",
        update_modules=("sale", "stock"),
        auto_install_modules=("crm", "project"),
        server_wide_modules=("queue_job",),
        without_demo=False,
        x_sendfile=True,
        user_addons_path="/mnt/extra-addons/own",
        db_maxconn=37,
        max_cron_threads=5,
    ),
    database=InStackDatabase("postgres:17"),
    resources=Resources(cpus=2, memory_mb=2048, pids=777),
    ports=Ports("10.1.2.3", 20101, 20102),
    routing=Routing("web", True, "websecure", "letsencrypt"),
    portal_uuid="0d4e7a52-portal",
    image_id=f"sha256:{'0f' * 32}",
)
EXTERNAL = dataclasses.replace(
    FULL, database=ExternalDatabase("pg.example.net", 6543, "saas_acme", "require")
)
SWARM = dataclasses.replace(
    FULL,
    target="swarm",
    swarm=SwarmOptions(("node.labels.saas == yes", "node.role == worker"), "acme_password"),
)
SAMPLES = {
    "plain": PLAIN,
    "full": FULL,
    "external": EXTERNAL,
    "swarm": SWARM,
    "swarm-external": dataclasses.replace(SWARM, database=EXTERNAL.database),
    "threads": dataclasses.replace(
        FULL, odoo=OdooOptions(), ports=Ports("::1", 20103), routing=Routing(traefik=False)
    ),
    # Words that some readers of YAML take for numbers, dates and truths.
    **{
        f"host-{word}": dataclasses.replace(PLAIN, name=word, host=word)
        for word in ("1e5", "0o17", "0x1f", "12", "y", "no", "null", "true", "2026-01-01", "1_000")
    },
}


def with_field(spec, field, value):
    """A copy with another value in a dotted field: ``odoo.workers``."""
    first, _dot, rest = field.partition(".")
    if rest:
        value = with_field(getattr(spec, first), rest, value)
    return dataclasses.replace(spec, **{first: value})


def fields(spec, prefix=""):
    """The dotted names of all its fields."""
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        if dataclasses.is_dataclass(value):
            yield from fields(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name


class _Loader(yaml.SafeLoader):
    """Reads plain words as compose's Go library does (YAML 1.2 and some of 1.1)."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern in (
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("null", r"~|null|Null|NULL|"),
    ("int", r"[-+]?[0-9][0-9_]*|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|\.(?:inf|nan)"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})$"), None
    )


def read(text):
    """What compose understands: dollar signs halved, variables as they stand."""
    return _halved(yaml.load(text, Loader=_Loader))


def _halved(value):
    if isinstance(value, dict):
        return {key: _halved(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_halved(child) for child in value]
    if not isinstance(value, str) or value == "${DB_PASSWORD}":
        return value
    assert "$" not in value.replace("$$", ""), f"compose would look for a variable in {value!r}"
    return value.replace("$$", "$")
