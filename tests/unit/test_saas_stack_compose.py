"""The compose text of a client's stack: what it says, and what it refuses to say."""

import dataclasses
import re

import pytest
from portainer_api import validate_compose
from saas_stack import (
    ExternalDatabase,
    InvalidSpec,
    OdooOptions,
    Ports,
    Resources,
    Routing,
    SwarmOptions,
    client_key,
    render,
    stack_name,
)
from saas_stack_samples import EXTERNAL, FULL, KEY, PLAIN, SAMPLES, SWARM, read, with_field


def services(spec):
    return read(render(spec))["services"]


def odoo(spec):
    return services(spec)["odoo"]


def option(spec, name):
    """The value of an option on Odoo's command line, None if it is not there."""
    found = [
        argument.partition("=")[2]
        for argument in odoo(spec)["command"]
        if argument.partition("=")[0] == name
    ]
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize("spec", SAMPLES.values(), ids=SAMPLES)
def test_what_is_rendered_passes_the_check_before_it_is_sent(spec):
    validate_compose(render(spec), {"DB_PASSWORD"})


@pytest.mark.parametrize("spec", SAMPLES.values(), ids=SAMPLES)
def test_no_password_is_in_the_text_and_one_variable_stands_for_it(spec):
    text = render(spec)
    assert set(re.findall(r"(?<!\$)\$\{?\w+\}?", text)) <= {"${DB_PASSWORD}"}
    for line in text.splitlines():
        if "PASSWORD" in line:
            assert line.strip().partition(": ")[2] in (
                '"${DB_PASSWORD}"',
                "/run/secrets/db_password",
            )


def test_a_stack_keeps_its_name_when_the_client_gets_another():
    assert stack_name(KEY) == f"saas-{KEY}"
    assert client_key(stack_name(KEY)) == KEY
    assert client_key("portainer") == ""


def test_every_container_says_whose_it_is():
    for service in services(FULL).values():
        labels = service["labels"]
        assert labels["saas.client.key"] == KEY
        assert labels["saas.client.name"] == "acme.example.com"
        assert labels["saas.portal"] == "0d4e7a52-portal"


# -- Odoo ------------------------------------------------------------------------------------------


def test_odoo_serves_the_database_of_its_host_name_and_lists_none():
    assert option(PLAIN, "--db-filter") == "^%h$"
    assert option(PLAIN, "--no-database-list") == ""
    assert option(PLAIN, "--proxy-mode") == ""
    assert option(PLAIN, "--load") == "base,rpc,web,saas_client,saas_rest_api"


def test_the_settings_have_the_agreed_defaults():
    assert {
        name: option(PLAIN, f"--{name}")
        for name in ("workers", "limit-time-cpu", "limit-time-real", "limit-time-real-cron")
    } == {
        "workers": "0",
        "limit-time-cpu": "60",
        "limit-time-real": "120",
        "limit-time-real-cron": "0",
    }
    assert option(PLAIN, "--limit-request") == "8192"
    assert option(PLAIN, "--log-level") == "info"
    for name in ("--with-demo", "--x-sendfile", "--addons-path", "--db_maxconn"):
        assert option(PLAIN, name) is None
    assert not [name for name in odoo(PLAIN)["environment"] if name.startswith("SAAS_")]


def test_every_setting_reaches_odoo():
    assert option(FULL, "--workers") == "3"
    assert option(FULL, "--limit-time-cpu") == "611"
    assert option(FULL, "--limit-time-real") == "1223"
    assert option(FULL, "--limit-time-real-cron") == "1831"
    assert option(FULL, "--limit-request") == "4099"
    assert option(FULL, "--log-level") == "warn"
    assert option(FULL, "--load") == "base,rpc,web,saas_client,saas_rest_api,queue_job"
    assert option(FULL, "--with-demo") == ""
    assert option(FULL, "--x-sendfile") == ""
    assert option(FULL, "--addons-path") == "/opt/saas/addons,/mnt/extra-addons/own"
    assert option(FULL, "--db_maxconn") == "37"
    assert option(FULL, "--max-cron-threads") == "5"
    assert odoo(FULL)["image"] == FULL.image


def test_a_module_of_the_suite_is_loaded_once_when_it_is_named_again():
    spec = with_field(PLAIN, "odoo.server_wide_modules", ("web", "queue_job", "queue_job"))
    assert option(spec, "--load") == "base,rpc,web,saas_client,saas_rest_api,queue_job"


def test_the_entry_point_hears_of_modules_to_update_and_to_install():
    environment = odoo(FULL)["environment"]
    assert environment["SAAS_UPDATE_MODULES"] == "sale,stock"
    assert environment["SAAS_INSTALL_MODULES"] == "crm,project"
    assert environment["SAAS_IMAGE"] == f"{FULL.image} {FULL.image_id}"


def test_odoo_19_knows_every_option():
    config = pytest.importorskip("odoo.tools.config")
    parser = config.configmanager().parser
    for spec in (PLAIN, FULL, EXTERNAL):
        options, rest = parser.parse_args(odoo(spec)["command"][1:])
        assert not rest
        assert options.dbfilter == "^%h$"


# -- PostgreSQL ------------------------------------------------------------------------------------


def test_a_database_server_of_its_own_has_a_volume_and_no_port():
    database = services(PLAIN)["db"]
    assert database["image"] == "postgres:16"
    assert database["volumes"] == ["db:/var/lib/postgresql/data"]
    assert "ports" not in database
    assert database["environment"] == {
        "POSTGRES_USER": "odoo",
        "POSTGRES_PASSWORD": "${DB_PASSWORD}",
        "POSTGRES_DB": "postgres",
    }
    assert odoo(PLAIN)["environment"] == {
        "HOST": "db",
        "PORT": "5432",
        "USER": "odoo",
        "PASSWORD": "${DB_PASSWORD}",
    }


def test_with_an_external_server_the_stack_has_no_database_and_a_role_of_its_own():
    data = read(render(EXTERNAL))
    assert set(data["services"]) == {"odoo"}
    assert set(data["volumes"]) == {"data", "addons"}
    environment = data["services"]["odoo"]["environment"]
    assert environment["HOST"] == "pg.example.net"
    assert environment["PORT"] == "6543"
    assert environment["USER"] == "saas_acme"
    assert environment["PASSWORD"] == "${DB_PASSWORD}"
    assert environment["PGSSLMODE"] == "require"
    # Odoo lists no database of this name: the one with which the agent makes and renames others.
    assert environment["PGDATABASE_TEMPLATE"] == f"saas-new-{KEY}"
    assert "PGDATABASE_TEMPLATE" not in odoo(PLAIN)["environment"]


@pytest.mark.parametrize("role", ["postgres", "pg_monitor", "Role", "a b", "", "x" * 64])
def test_a_role_that_is_postgresqls_own_or_needs_quotes_is_refused(role):
    with pytest.raises(InvalidSpec, match=r"database\.role"):
        render(dataclasses.replace(PLAIN, database=ExternalDatabase("pg.example.net", role=role)))


# -- What a stack may use --------------------------------------------------------------------------


def limits(service):
    return service["deploy"]["resources"]["limits"]


def test_all_containers_together_stay_within_the_plan():
    found = [limits(service) for service in services(FULL).values()]
    assert len(found) == 2
    assert sum(float(each["cpus"]) for each in found) == pytest.approx(2)
    assert sum(int(each["memory"].removesuffix("M")) for each in found) == 2048
    assert [each["pids"] for each in found] == [777, 777]


def test_odoo_alone_gets_all_of_it():
    assert limits(odoo(EXTERNAL)) == {"cpus": "2.000", "memory": "2048M", "pids": 777}


def test_without_limits_there_are_none():
    spec = dataclasses.replace(PLAIN, resources=Resources(None, None, None))
    assert "deploy" not in odoo(spec)


def test_another_image_under_the_same_name_is_another_text():
    newer = dataclasses.replace(PLAIN, image_id=f"sha256:{'a' * 64}")
    assert odoo(newer)["labels"]["saas.image.id"] == newer.image_id
    assert "saas.image.id" not in odoo(PLAIN)["labels"], "where it is not known"
    assert odoo(newer)["image"] == PLAIN.image


@pytest.mark.parametrize("spec", [FULL, EXTERNAL, SWARM], ids=["full", "external", "swarm"])
def test_logs_are_bounded_and_programs_get_no_more_rights(spec):
    for service in services(spec).values():
        assert service["logging"] == {
            "driver": "json-file",
            "options": {"max-size": "10m", "max-file": "3"},
        }
        assert service["cap_drop"] == ["ALL"]
        assert service["init"] is True
        assert service["healthcheck"]["test"][0] == "CMD"
        assert isinstance(service.get("command", []), list)


@pytest.mark.parametrize(
    ("resources", "word"),
    [
        (Resources(cpus=0), "cores"),
        (Resources(cpus=float("nan")), "cores"),
        (Resources(cpus=float("inf")), "cores"),
        (Resources(cpus=True), "cores"),
        (Resources(memory_mb=511), "512"),
        (Resources(memory_mb=10**9), "whole number"),
        (Resources(pids=0), "64"),
    ],
)
def test_limits_that_nothing_could_start_with_are_refused(resources, word):
    with pytest.raises(InvalidSpec, match=word):
        render(dataclasses.replace(PLAIN, resources=resources))


# -- How it is reached -----------------------------------------------------------------------------


def published(spec):
    return {
        port["target"]: (port.get("host_ip"), port["published"])
        for port in odoo(spec).get("ports", ())
    }


def test_ports_are_published_on_the_given_address_only():
    assert published(FULL) == {8069: ("10.1.2.3", "20101"), 8072: ("10.1.2.3", "20102")}
    assert published(PLAIN) == {}


def test_threads_need_one_port_and_keep_the_second_for_later():
    spec = with_field(FULL, "odoo.workers", 0)
    assert published(spec) == {8069: ("10.1.2.3", "20101")}


def test_workers_without_a_second_port_are_refused():
    with pytest.raises(InvalidSpec, match="websockets"):
        render(with_field(FULL, "ports.gevent", None))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.9.10", "10.0.0.1", "172.31.255.1", "192.168.1.1", "::1", "fd00::1"],
)
def test_private_addresses_may_have_ports(address):
    assert published(dataclasses.replace(PLAIN, ports=Ports(address, 20000)))[8069][0] == address


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "::", "8.8.8.8", "172.32.0.1", "192.0.2.1", "2001:db8::1", "::ffff:10.0.0.1"]
    + ["fd00::1%eth0", "", "localhost", "10.0.0.1/8", "10.1", "010.0.0.1", " 10.0.0.1"],
)
def test_other_addresses_may_not(address):
    with pytest.raises(InvalidSpec, match=r"ports\.bind_ip"):
        render(dataclasses.replace(PLAIN, ports=Ports(address, 20000)))


def traefik(spec, labels=None):
    """What Traefik reads, as its documentation of the Docker provider writes it."""
    labels = odoo(spec)["labels"] if labels is None else labels
    return {key: value for key, value in labels.items() if key.startswith("traefik.")}


def test_traefik_leads_the_host_to_odoo_and_its_websockets_to_the_second_port():
    """Of two rules that fit it takes the longer one: that of the websocket's path."""
    router, service = f"traefik.http.routers.saas-{KEY}", f"traefik.http.services.saas-{KEY}"
    assert traefik(FULL) == {
        "traefik.enable": "true",
        "traefik.docker.network": "web",
        f"{router}.rule": "Host(`shop.acme.example`)",
        f"{router}.service": f"saas-{KEY}",
        f"{router}.entrypoints": "websecure",
        f"{router}.tls.certresolver": "letsencrypt",
        f"{service}.loadbalancer.server.port": "8069",
        f"{router}-ws.rule": "Host(`shop.acme.example`) && PathPrefix(`/websocket`)",
        f"{router}-ws.service": f"saas-{KEY}-ws",
        f"{router}-ws.entrypoints": "websecure",
        f"{router}-ws.tls.certresolver": "letsencrypt",
        f"{service}-ws.loadbalancer.server.port": "8072",
    }


def test_with_threads_and_without_https_traefik_has_one_plain_route():
    router, service = f"traefik.http.routers.saas-{KEY}", f"traefik.http.services.saas-{KEY}"
    assert traefik(PLAIN) == {
        "traefik.enable": "true",
        f"{router}.rule": "Host(`acme.example.com`)",
        f"{router}.service": f"saas-{KEY}",
        f"{service}.loadbalancer.server.port": "8069",
    }


@pytest.mark.parametrize(
    "host",
    ["a`) || Host(`b.example.com", "a.example.com`", "{{.Name}}.example.com", "*.example.com"],
)
def test_no_host_name_says_more_to_traefik_than_a_name(host):
    with pytest.raises(InvalidSpec, match="host"):
        render(dataclasses.replace(PLAIN, host=host))


@pytest.mark.parametrize("name", ["a`b", "letsencrypt,other", "web@file", "a.b", "x y"])
@pytest.mark.parametrize("field", ["entrypoint", "tls_resolver"])
def test_names_of_traefiks_configuration_are_names(field, name):
    with pytest.raises(InvalidSpec, match=rf"routing\.{field}"):
        render(with_field(FULL, f"routing.{field}", name))


def test_traefik_hears_nothing_when_another_proxy_is_used():
    spec = dataclasses.replace(PLAIN, routing=Routing(traefik=False))
    assert not [key for key in odoo(spec)["labels"] if key.startswith("traefik")]


def test_in_the_proxys_network_odoo_has_the_host_name_and_the_database_is_not_there():
    data = read(render(FULL))
    assert data["networks"] == {"proxy": {"external": True, "name": "web"}}
    assert data["services"]["odoo"]["networks"]["proxy"] == {"aliases": ["shop.acme.example"]}
    assert "default" in data["services"]["odoo"]["networks"]
    assert "networks" not in data["services"]["db"]


@pytest.mark.parametrize("host", ["db", "odoo"])
def test_no_client_can_answer_for_a_service_of_others(host):
    with pytest.raises(InvalidSpec, match="inside the stack"):
        render(dataclasses.replace(PLAIN, host=host))


def test_no_client_can_answer_for_another_service_of_the_proxys_network():
    with pytest.raises(InvalidSpec, match="needs a dot"):
        render(dataclasses.replace(FULL, host="portal"))
    render(dataclasses.replace(FULL, host="portal", routing=Routing()))


# -- Images ----------------------------------------------------------------------------------------

DIGEST = "@sha256:" + "0a" * 32


@pytest.mark.parametrize(
    "image",
    ["odoo:19.0", "saas/client:19.0", "a.example.com/x/y:1", "localhost:5000/odoo:19", "x" + DIGEST]
    + ["registry.example.com:443/a/b/c__d.e-f:Tag_1.2-3" + DIGEST],
)
def test_full_references_are_images(image):
    assert odoo(dataclasses.replace(PLAIN, image=image))["image"] == image


@pytest.mark.parametrize(
    "image",
    ["odoo", "registry:5000/odoo", "Odoo:19", "odoo:", "odoo:19 0", "odoo:19\n", "-x:1", "a//b:1"]
    + ["odoo:${TAG}", "odoo:19@sha256:12", "x:" + "t" * 129, "/odoo:1", ":1", "odoo:19#x", ""],
)
def test_what_docker_would_not_read_or_would_guess_is_no_image(image):
    with pytest.raises(InvalidSpec, match="image"):
        render(dataclasses.replace(PLAIN, image=image))


# -- Swarm -----------------------------------------------------------------------------------------


def test_a_swarm_runs_one_task_of_each_service_where_it_is_told_to():
    data = read(render(SWARM))
    assert data["version"] == "3.9"
    for service in data["services"].values():
        deploy = service["deploy"]
        assert deploy["replicas"] == 1
        assert deploy["endpoint_mode"] == "dnsrr"
        assert deploy["restart_policy"]["condition"] == "any"
        assert deploy["placement"] == {
            "constraints": ["node.labels.saas == yes", "node.role == worker"]
        }
        assert not {"restart", "depends_on", "security_opt"} & set(service)


def test_in_a_swarm_ports_are_the_nodes_own():
    assert odoo(SWARM)["ports"] == [
        {"target": 8069, "published": 20101, "protocol": "tcp", "mode": "host"},
        {"target": 8072, "published": 20102, "protocol": "tcp", "mode": "host"},
    ]


def test_in_a_swarm_the_password_can_be_a_secret_of_the_cluster():
    data = read(render(SWARM))
    assert data["secrets"] == {"db_password": {"external": True, "name": "acme_password"}}
    assert data["services"]["odoo"]["environment"]["PASSWORD_FILE"] == "/run/secrets/db_password"
    database = data["services"]["db"]["environment"]
    assert database["POSTGRES_PASSWORD_FILE"] == "/run/secrets/db_password"
    assert "DB_PASSWORD" not in render(SWARM)


def test_in_a_swarm_without_secrets_it_is_the_stacks_variable():
    spec = dataclasses.replace(SWARM, swarm=SwarmOptions())
    assert odoo(spec)["environment"]["PASSWORD"] == "${DB_PASSWORD}"
    assert "secrets" not in read(render(spec))
    assert "placement" not in odoo(spec)["deploy"]


def test_traefik_reads_the_labels_of_a_swarms_services():
    """It reads them there only, and the network by another label than beside Docker alone."""
    service, alone = odoo(SWARM), traefik(FULL)
    network = alone.pop("traefik.docker.network")
    labels = service["deploy"]["labels"]
    assert traefik(SWARM, labels) == {**alone, "traefik.swarm.network": network}
    assert labels["saas.client.key"] == KEY
    assert not [key for key in service["labels"] if key.startswith("traefik")]


@pytest.mark.parametrize(
    "constraint",
    [
        "node.labels.saas==yes",
        "node.hostname != n1",
        "node.id == 2ivku8v2gvtg4",
        "node.role==worker",
    ]
    + ["node.platform.os == linux", "engine.labels.disk == ssd"],
)
def test_constraints_that_swarm_knows(constraint):
    spec = with_field(SWARM, "swarm.constraints", (constraint,))
    assert odoo(spec)["deploy"]["placement"]["constraints"] == [constraint]


@pytest.mark.parametrize("constraint", ["", "node.labels.x", "node.x == 1", "role == a\nb", 5])
def test_constraints_that_swarm_does_not_know_are_refused(constraint):
    with pytest.raises(InvalidSpec, match="constraints"):
        render(with_field(SWARM, "swarm.constraints", (constraint,)))


def test_settings_of_a_swarm_are_refused_for_a_single_machine():
    with pytest.raises(InvalidSpec, match="swarm"):
        render(dataclasses.replace(SWARM, target="standalone"))


# -- Settings that Odoo would choke on -------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", -1),
        ("workers", 65),
        ("workers", True),
        ("workers", 2.0),
        ("limit_time_cpu", 0),
        ("limit_time_real", 0),
        ("limit_request", 0),
        ("limit_time_real_cron", -1),
        ("log_level", "debug; reboot"),
        ("log_level", None),
        ("update_modules", "sale"),
        ("update_modules", ("sale,stock",)),
        ("auto_install_modules", ("all",)),
        ("server_wide_modules", ("a-b",)),
        ("without_demo", "no"),
        ("user_addons_path", "relative"),
        ("user_addons_path", "/a/../b"),
        ("user_addons_path", "/a,"),
        ("db_maxconn", 1),
    ],
)
def test_a_setting_that_odoo_cannot_use_is_refused_by_its_name(name, value):
    with pytest.raises(InvalidSpec) as caught:
        render(dataclasses.replace(PLAIN, odoo=dataclasses.replace(OdooOptions(), **{name: value})))
    assert caught.value.field == f"odoo.{name}"
    assert caught.value.reason.endswith(".")
