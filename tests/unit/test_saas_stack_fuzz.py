"""Whatever a field holds, it is refused by name or stands in the text where it belongs, alone."""

import functools
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from portainer_api import validate_compose
from saas_stack import InvalidSpec, Nginx, Route, render, render_nginx
from saas_stack_samples import EXTERNAL, FULL, SAMPLES, SWARM, fields, read, with_field

#: Field → a valid value that stands nowhere else in the text of the specification.
TEXTS = {
    "key": (FULL, "key-mark"),
    "name": (FULL, "name-mark.example"),
    "host": (FULL, "host-mark.example"),
    "image": (FULL, "image-mark:1.0"),
    "portal_uuid": (FULL, "portal-mark"),
    "odoo.log_level": (FULL, "critical"),
    "odoo.user_addons_path": (FULL, "/path/mark"),
    "image_id": (FULL, f"sha256:{'5a' * 32}"),
    "database.image": (FULL, "pg-mark:1.0"),
    "ports.bind_ip": (FULL, "10.77.88.99"),
    "routing.network": (FULL, "network-mark"),
    "routing.entrypoint": (FULL, "entry-mark"),
    "routing.tls_resolver": (FULL, "resolver-mark"),
    "target": (FULL, "standalone"),
    "database.host": (EXTERNAL, "server-mark.example"),
    "database.role": (EXTERNAL, "role_mark"),
    "database.sslmode": (EXTERNAL, "verify-ca"),
    "swarm.password_secret": (SWARM, "secret-mark"),
}
LISTS = {
    "odoo.update_modules": (FULL, "update_mark"),
    "odoo.auto_install_modules": (FULL, "install_mark"),
    "odoo.server_wide_modules": (FULL, "load_mark"),
    "swarm.constraints": (SWARM, "node.labels.mark == yes"),
}
NUMBERS = {
    "odoo.workers": (FULL, 62),
    "odoo.limit_time_cpu": (FULL, 70001),
    "odoo.limit_time_real": (FULL, 70002),
    "odoo.limit_time_real_cron": (FULL, 70003),
    "odoo.limit_request": (FULL, 70004),
    "odoo.db_maxconn": (FULL, 7005),
    "odoo.max_cron_threads": (FULL, 59),
    "database.port": (EXTERNAL, 7006),
    "ports.http": (FULL, 30007),
    "ports.gevent": (FULL, 30008),
    "resources.pids": (FULL, 70009),
}
#: Tested by name in test_saas_stack_compose.py: they say what there is, not what it is called.
STRUCTURE = {
    "odoo.without_demo",
    "odoo.x_sendfile",
    "resources.cpus",
    "resources.memory_mb",
    "routing.traefik",
}

HARMLESS = re.compile(r"[A-Za-z0-9_.:/@,-]+|node\.[a-z.A-Z0-9_-]+ ?[!=]= ?[A-Za-z0-9_.:-]+")
NASTY = st.sampled_from(
    ["\n", "\r\n", "\u2028", "\u0085", "\x00", "\ufeff", "\t", " ", " #", ": ", ":", "- ", "? "]
    + ["'", '"', "`", "\\", "|", ">", "{", "}", "[", "]", ",", "&a ", "*a", "!!python/none ", "<<"]
    + ["$", "$$", "${DB_PASSWORD}", "$DB_PASSWORD", "${A:-b}", "$(id)", "`id`", ";id", "&&id", "%"]
    + ["\n  evil:\n    image: evil:1", "\nprivileged: true", "--", "=", "..", "/", "~", "é", "😀"]
    + ["yes", "null", "1e5", "0o17", "22:22", "`) || Host(`evil", "_", ".", "-", "@", "a", "0"]
)
STRANGE = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary()
    | st.lists(st.text(), max_size=2)
    | st.dictionaries(st.text(), st.text(), max_size=1)
    | st.builds(type("Marked", (str,), {}), st.just("marked:1"))
)


@st.composite
def near(draw, valid):
    """A valid value with something nasty in it, at any place."""
    position = draw(st.integers(0, len(valid)))
    return valid[:position] + draw(NASTY) + valid[position + draw(st.integers(0, 2)) :]


def values(valid):
    harmless = st.from_regex(r"[a-z0-9][a-z0-9._:/-]{0,30}", fullmatch=True)
    return near(valid) | near(valid).flatmap(near) | st.text() | harmless | STRANGE


def replaced(data, old, new):
    """The same structure with another value in the place of each old one, in keys too."""
    if isinstance(data, dict):
        return {replaced(key, old, new): replaced(child, old, new) for key, child in data.items()}
    if isinstance(data, list):
        return [replaced(child, old, new) for child in data]
    if type(data) is type(new) is int:
        return new if data == old else data
    return data.replace(str(old), str(new)) if isinstance(data, str) else data


@functools.lru_cache
def _read(spec, field, value):
    return read(render(with_field(spec, field, value)))


def check(spec, field, mark, marked, value, changed):
    """The text of the changed specification is the marked one's with the value for the mark."""
    before = _read(spec, field, marked)
    assert replaced(before, mark, type(mark)()) != before, f"{field} stands nowhere"
    try:
        text = render(changed)
    except InvalidSpec as error:
        assert_explains(error, field)
        return
    assert read(text) == replaced(before, mark, value)
    # Other readers come after YAML: Docker, Traefik, Odoo, a shell of the image.
    assert HARMLESS.fullmatch(str(value))
    validate_compose(text, {"DB_PASSWORD"})


def assert_explains(error, field):
    """One sentence that names the field, or the one that it does not go together with."""
    assert error.field.split(".")[0] == field.split(".")[0]
    assert error.reason.endswith(".")
    assert len(str(error).splitlines()) == 1
    assert str(error).isprintable()
    assert len(str(error)) < 250


def test_no_field_is_left_out():
    known = {*TEXTS, *LISTS, *NUMBERS, *STRUCTURE}
    assert set(fields(SWARM)) | set(fields(EXTERNAL)) == known


@pytest.mark.parametrize("field", TEXTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_text(field, data):
    spec, mark = TEXTS[field]
    value = data.draw(values(mark))
    # Without these there are other lines than with them, and a target is another form.
    assume(value != "" and not (field == "target" and value == "swarm"))
    if field == "target":
        with pytest.raises(InvalidSpec, match="target"):
            render(with_field(spec, field, value))
        return
    check(spec, field, mark, mark, value, with_field(spec, field, value))


@pytest.mark.parametrize("field", LISTS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_list(field, data):
    spec, mark = LISTS[field]
    first = mark.replace("mark", "first")
    value = data.draw(values(mark))
    # What is loaded already is not named twice.
    assume(value not in ("base", "rpc", "web", "saas_client", "saas_rest_api"))
    check(
        spec,
        field,
        mark,
        (first, mark),
        value,
        with_field(spec, field, [first, value]),
    )


@pytest.mark.parametrize("field", [*LISTS, *TEXTS, *NUMBERS, *STRUCTURE])
@settings(max_examples=15, deadline=None)
@given(value=STRANGE)
def test_a_value_of_another_kind(field, value):
    spec = EXTERNAL if field in dict.fromkeys(fields(EXTERNAL)) else SWARM
    spec = FULL if field in set(fields(FULL)) else spec
    try:
        text = render(with_field(spec, field, value))
    except InvalidSpec as error:
        assert_explains(error, field)
    else:
        validate_compose(text, {"DB_PASSWORD"})
        read(text)


@pytest.mark.parametrize("field", NUMBERS)
@settings(max_examples=40, deadline=None)
@given(value=st.integers() | st.integers(0, 70000) | STRANGE)
@example(value=0)
def test_a_number(field, value):
    spec, mark = NUMBERS[field]
    # Without it there are other lines than with it.
    assume(value is not None and not (field == "odoo.workers" and value == 0))
    check(spec, field, mark, mark, value, with_field(spec, field, value))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    cpus=st.floats(0, 2000) | st.integers(0, 2000),
    memory=st.integers(0, 10**7),
)
def test_limits_never_add_up_to_more_than_the_plan(name, cpus, memory):
    spec = with_field(
        with_field(SAMPLES[name], "resources.cpus", cpus), "resources.memory_mb", memory
    )
    try:
        services = read(render(spec))["services"].values()
    except InvalidSpec as error:
        assert_explains(error, "resources")
        return
    limits = [service["deploy"]["resources"]["limits"] for service in services]
    # Docker takes thousandths.
    assert sum(float(limit["cpus"]) for limit in limits) <= cpus + 0.001 * len(limits)
    assert sum(int(limit["memory"].removesuffix("M")) for limit in limits) <= memory


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_nothing_gets_into_nginx_but_hosts_addresses_and_numbers(data):
    route = {
        "host": data.draw(st.just("acme.example") | values("acme.example")),
        "address": data.draw(st.just("10.0.0.1") | values("10.0.0.1")),
        "http": data.draw(st.just(20001) | STRANGE),
        "gevent": data.draw(st.just(20002) | STRANGE),
    }
    given_settings = {
        "listen": data.draw(st.just("80") | values("127.0.0.1:80")),
        "tls_listen": data.draw(st.just("443") | values("[::1]:443")),
        "certificate": data.draw(st.just("") | values("/etc/ssl/a.pem")),
        "certificate_key": data.draw(st.just("") | values("/etc/ssl/a.key")),
        "max_body_mb": data.draw(st.just(10) | STRANGE),
        "timeout": data.draw(st.just(10) | STRANGE),
    }
    try:
        text = render_nginx([Route(**route)], Nginx(**given_settings))
    except InvalidSpec as error:
        assert_explains(error, error.field)
        return
    for value in (route["host"], route["address"], *given_settings.values()):
        assert re.fullmatch(r"[A-Za-z0-9_.:/@\[\]-]*", str(value))
    # With a certificate or without: as many blocks and directives as for any other client.
    files = ["certificate", "certificate_key"] if given_settings["certificate"] else []
    usual = Nginx(**dict.fromkeys(files, "/etc/ssl/a"))
    plain = render_nginx([Route("acme.example", "10.0.0.1", 20001, 20002)], usual)
    assert [text.count(sign) for sign in "{};\n"] == [plain.count(sign) for sign in "{};\n"]
