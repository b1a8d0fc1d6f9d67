"""Compose texts, variables and names before they are sent, and what Docker sends back."""

import pytest
from portainer_api import (
    ContainerStats,
    InvalidCompose,
    demultiplex,
    normalise_name,
    operation_key,
    read_value,
    validate_compose,
    with_operation_key,
    write_value,
)

WEB = "services:\n  web:\n    image: nginx\n"


def problems(text, env=()):
    with pytest.raises(InvalidCompose) as caught:
        validate_compose(text, env)
    return caught.value.problems


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "normal"),
    [("My Stack!", "mystack"), ("Acme.1", "acme1"), ("a_b-c", "a_b-c"), ("É1", "1")],
)
def test_a_name_is_normalised_as_portainer_does(name, normal):
    assert normalise_name(name) == normal


@pytest.mark.parametrize("name", ["", "!!", "-a", "_a", "É"])
def test_a_name_that_compose_would_refuse_is_refused(name):
    with pytest.raises(ValueError, match="no name for a stack"):
        normalise_name(name)


# -- variables -------------------------------------------------------------------------------------
# The texts below were read back by compose itself (2.26); tests/docker does it again.


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain-1.2/x:y", "plain-1.2/x:y"),
        ("", ""),
        ("a b", "'a b'"),
        ("$HOME", "'$HOME'"),
        ("a #b", "'a #b'"),
        ("l1\nl2", "'l1\nl2'"),
        ('"quoted"', "'\"quoted\"'"),
        ("a\\nb", "'a\\nb'"),
        ("it's", '"it\'s"'),
        ("it's $5", '"it\'s $$5"'),
        ("back\\", '"back\\\\"'),
        ("'\"\n", '"\'\\"\\n"'),
    ],
)
def test_a_value_is_written_so_that_compose_reads_it_back(value, text):
    assert write_value(value) == text
    assert read_value(text) == value


def test_a_foreign_value_is_read_as_compose_does():
    assert read_value("  plain text # comment") == "plain text"
    assert read_value("a$$b") == "a$b"
    assert read_value('"a\\tb\\$c"') == "a\tb$c"


def test_a_nul_character_cannot_be_sent():
    with pytest.raises(ValueError, match="NUL"):
        write_value("a\0b")


# -- compose ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        WEB,
        "name: x\nversion: '3.8'\nx-mine: 1\n" + WEB,
        "services: {a: {build: ./a}, b: {extends: {service: a}, depends_on: [a]}}",
        WEB + "    volumes: [data:/d, ./x:/x, /abs, {type: bind, source: y, target: /y}]\n"
        "volumes: {data: }\n",
        WEB + "    networks: {default: , back: {aliases: [a]}}\nnetworks: {back: {}}\n",
        WEB + "    ports: ['22:22', 80:80]\n    environment: {A: $$x, B: '${B:-1}', C: '${C-}'}\n",
        "x-base: &base {image: nginx}\nservices:\n  web:\n    <<: *base\n    image: other\n",
        WEB + "    environment: [A=2024-01-01]\n",
    ],
)
def test_a_good_text_passes(text):
    validate_compose(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must be a mapping"),
        ("- a", "must be a mapping"),
        ("services: [", "not YAML"),
        ("\tservices:", "not YAML"),
        ("services:\n  web: {image: a}\n  web: {image: b}", "'web' comes twice (line 3)"),
        ("services: {}", "at least one service"),
        ("services: [web]", "at least one service"),
        ("service: {}\n" + WEB, "unknown key 'service'"),
        ("services: {web: nginx}", "service web must be a mapping"),
        ("services: {web: {command: x}}", "web has neither image nor build"),
        ("services: {'a b': {image: x}}", "service a b: letters"),
        (WEB + "    volumes: [data:/d]", "volume data, which volumes does not declare"),
        (WEB + "    networks: [back]", "network back, which networks does not declare"),
        (WEB + "    depends_on: {db: {condition: x}}", "service db, which does not exist"),
        (WEB + "    command: echo ${PORT}", "the variable PORT has no value"),
        (WEB + "    command: echo $PORT", "the variable PORT has no value"),
        (WEB + "    command: [a, '${PORT:?needed}']", "the variable PORT has no value"),
        (WEB + "    command: '${A:-${B}}'", "the variable B has no value"),
        (WEB + "    command: '${A'", "no closing brace"),
        (WEB + "    command: '${}'", "is not a variable"),
        (WEB + "    command: 'costs 5$ a day'", "write $$"),
        ("services: " + "[" * 5000, "not YAML"),
    ],
)
def test_a_bad_text_is_explained(text, problem):
    assert problem in "; ".join(problems(text))


def test_everything_wrong_is_told_at_once():
    assert len(problems("a: 1\nservices:\n  web: {command: $A $B $A}")) == 4


def test_given_variables_resolve():
    validate_compose(WEB + "    command: ${A} $B ${C:?}", {"A": "1", "B": "2", "C": "3"})


def test_variables_in_comments_and_keys_do_not_count():
    validate_compose("# $X\n" + WEB + "    labels: {a.$key: 1}\n")


@pytest.mark.parametrize("name", ["1A", "a-b", "", "a b", "PATH", "HOME"])
def test_a_variable_name_that_would_not_arrive_is_refused(name):
    assert problems(WEB, {name: "1"})


def test_a_bomb_of_aliases_is_harmless():
    rows = ["a0: &a0 [x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    assert problems("\n".join(rows) + "\n" + WEB)


# -- the operation's key ---------------------------------------------------------------------------


def test_a_text_can_be_marked_and_stays_what_it_was():
    marked = with_operation_key("# mine\n" + WEB.rstrip(), "op-42")
    assert marked.startswith("# mine\n" + WEB)
    assert operation_key(marked) == "op-42"
    validate_compose(marked)
    assert with_operation_key(marked, "op-42") == marked
    assert operation_key(with_operation_key(marked, "op-43")) == "op-43"


@pytest.mark.parametrize("labels", ["{sadeem.operation: op-1}", "[a=b, sadeem.operation=op-1]"])
def test_a_label_of_a_service_marks_a_text_too(labels):
    text = WEB + f"    labels: {labels}\n"
    assert operation_key(text) == "op-1"
    assert with_operation_key(text, "op-1") == text


def test_a_text_without_a_key_has_none():
    assert operation_key(WEB) == operation_key("[") == ""


def test_a_text_that_cannot_be_marked_is_refused():
    with pytest.raises(InvalidCompose, match="margin"):
        with_operation_key("{services: {web: {image: x}}}", "op-1")
    with pytest.raises(ValueError, match="key"):
        with_operation_key(WEB, 'a"b')


# -- frames ----------------------------------------------------------------------------------------


def frame(stream, content):
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


def test_framed_output_is_taken_apart():
    raw = frame(1, b"out1\n") + frame(2, b"err\n") + frame(1, b"out2\n")
    assert demultiplex(raw) == (b"out1\nout2\n", b"err\n")
    assert demultiplex(b"") == (b"", b"")


def test_output_of_a_terminal_stays_as_it_is():
    assert demultiplex(b"hello\r\n") == (b"hello\r\n", b"")
    assert demultiplex(b"a long line of a terminal\r\n")[0] == b"a long line of a terminal\r\n"


def test_a_frame_that_is_cut_off_gives_what_came():
    assert demultiplex(frame(1, b"hello")[:-2]) == (b"hel", b"")


# -- statistics ------------------------------------------------------------------------------------


def cpu(total, system, **more):
    return {"cpu_usage": {"total_usage": total}, "system_cpu_usage": system} | more


def test_cpu_is_computed_as_docker_does():
    data = {"cpu_stats": cpu(150, 2000, online_cpus=4), "precpu_stats": cpu(100, 1000)}
    assert ContainerStats.from_json(data).cpu_percent == pytest.approx(20.0)


def test_old_engines_count_cores_in_another_way():
    data = {"cpu_stats": cpu(150, 2000), "precpu_stats": cpu(100, 1000)}
    data["cpu_stats"]["cpu_usage"]["percpu_usage"] = [1, 2]
    assert ContainerStats.from_json(data).cores == 2


@pytest.mark.parametrize(
    ("details", "used"),
    [
        ({"total_inactive_file": 30, "inactive_file": 10, "cache": 40}, 70),
        ({"inactive_file": 20}, 80),
        ({"cache": 40}, 60),
        ({}, 100),
        ({"inactive_file": 200}, 100),
    ],
)
def test_memory_is_told_without_what_the_kernel_can_take_back(details, used):
    data = {"memory_stats": {"usage": 100, "limit": 400, "stats": details}}
    stats = ContainerStats.from_json(data)
    assert (stats.memory_bytes, stats.memory_limit_bytes) == (used, 400)
    assert stats.memory_percent == used / 4


def test_traffic_is_summed_up():
    stats = ContainerStats.from_json(
        {
            "networks": {
                "eth0": {"rx_bytes": 1, "tx_bytes": 2},
                "eth1": {"rx_bytes": 10, "tx_bytes": 20},
            },
            "blkio_stats": {
                "io_service_bytes_recursive": [
                    {"op": "Read", "value": 5},
                    {"op": "write", "value": 7},
                    {"op": "Total", "value": 12},
                ]
            },
            "pids_stats": {"current": 3},
        }
    )
    assert (stats.network_received_bytes, stats.network_sent_bytes) == (11, 22)
    assert (stats.disk_read_bytes, stats.disk_written_bytes, stats.processes) == (5, 7, 3)


def test_a_container_that_does_not_run_uses_nothing():
    stats = ContainerStats.from_json(
        {"cpu_stats": {"cpu_usage": {}}, "memory_stats": {}, "blkio_stats": {}, "pids_stats": {}}
    )
    assert (stats.cpu_percent, stats.memory_bytes, stats.memory_percent) == (0, 0, 0)
