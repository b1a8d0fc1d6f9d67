"""Commands over SSH, against a real server."""

import contextlib
import logging
import re
import threading
import time

import paramiko
import pytest
import sshd_world
from root_ssh import (
    AuthenticationFailed,
    Command,
    CommandFailed,
    CommandTimedOut,
    HostKeyChanged,
    SshSession,
    Step,
    Unavailable,
    fetch_host_key,
    probe,
    read_private_key,
    run_step,
)
from sshd_world import ADMIN, FREE, PASSWORD, PLAIN

pytestmark = pytest.mark.skipif(bool(sshd_world.why_not()), reason=sshd_world.why_not())


@pytest.fixture(scope="module")
def server():
    with sshd_world.ssh_server() as server:
        yield server


@pytest.fixture
def connect(server):
    """Opens sessions, by key unless told otherwise, and closes them."""
    with contextlib.ExitStack() as stack:

        def connect(username=PLAIN, **options):
            options.setdefault("host_key", fetch_host_key(server.host, server.port))
            if "password" not in options:
                options.setdefault("key", server.client_key_text)
            return stack.enter_context(SshSession(server.host, server.port, username, **options))

        yield connect


# -- who is there, and who are we ------------------------------------------------------------------


def test_the_fingerprint_is_that_of_ssh_keygen(server):
    key = paramiko.ECDSAKey.from_private_key_file(str(server.folder / "host_key"))
    assert fetch_host_key(server.host, server.port) == key.fingerprint


def test_a_password_or_a_key_opens_the_machine(connect, server):
    by_password = connect(password=PASSWORD)
    by_key = connect()
    by_encrypted_key = connect(key=server.encrypted_key_text("secret"), passphrase="secret")
    for session in (by_password, by_key, by_encrypted_key):
        assert session.run(["id", "-un"]).stdout == f"{PLAIN}\n"


def test_a_wrong_password_is_refused_and_not_shown(connect):
    with pytest.raises(AuthenticationFailed, match="refuses this password") as caught:
        connect(password="hunter2")
    assert "hunter2" not in str(caught.value)


def test_an_unknown_key_is_refused(connect):
    with pytest.raises(AuthenticationFailed, match="refuses this key"):
        connect(key=sshd_world.SshServer._text(paramiko.RSAKey.generate(2048)))


def test_a_changed_host_key_is_refused_before_the_password_is_sent(server, connect):
    pinned = fetch_host_key(server.host, server.port)
    server.stop()
    server.new_host_key()
    server.start()
    with pytest.raises(HostKeyChanged, match="confirm it again"):
        connect(password=PASSWORD, host_key=pinned)
    log = (server.folder / "sshd.log").read_text()
    assert "Accepted password" not in log.rsplit("Server listening", 1)[1]
    assert connect().run(["true"]).exit_status == 0


def test_a_session_without_a_pinned_key_cannot_be_made():
    with pytest.raises(ValueError, match="fingerprint"):
        SshSession("localhost", host_key="")


def test_a_machine_that_is_away_is_unavailable(connect):
    with pytest.raises(Unavailable):
        fetch_host_key("127.0.0.1", 1)
    with pytest.raises(Unavailable, match="1:1 does not answer"):
        SshSession("127.0.0.1", 1, host_key="SHA256:x", password="x").connect()


@pytest.mark.parametrize(
    ("passphrase", "why"), [(None, "passphrase"), ("wrong", "passphrase is wrong")]
)
def test_an_encrypted_key_needs_its_passphrase(server, passphrase, why):
    with pytest.raises(AuthenticationFailed, match=why):
        read_private_key(server.encrypted_key_text("secret"), passphrase)


def test_what_is_no_key_is_refused_without_showing_it():
    with pytest.raises(AuthenticationFailed, match="not a private key") as caught:
        read_private_key("my secret text")
    assert "my secret text" not in str(caught.value)


# -- commands --------------------------------------------------------------------------------------


@pytest.mark.parametrize("nasty", ["a b", "$(id)", "`id`", "x; id", "'", '"', "a\nb", "*", "", "é"])
def test_arguments_arrive_as_they_are(connect, nasty):
    assert connect().run(["printf", "%s|", nasty, "end"]).stdout == f"{nasty}|end|"


def test_a_command_line_in_one_text_is_refused(connect):
    with pytest.raises(TypeError):
        connect().run("id; id")


def test_the_two_outputs_are_kept_apart_and_long_ones_do_not_block(connect):
    script = "yes out | head -c 3000000; yes err | head -c 3000000 >&2"
    result = connect().run(["sh", "-c", script])
    assert set(result.stdout.split()) <= {"out", "ut", "t"}
    assert set(result.stderr.split()) <= {"err", "rr", "r"}
    assert len(result.stdout) == len(result.stderr) == 1024 * 1024


def test_output_is_seen_while_the_command_runs(connect):
    seen = []
    script = "echo one; read line; echo $line"
    session = connect()
    hold = threading.Event()

    def on_output(text):
        seen.append((text, hold.is_set()))

    session.run(["sh", "-c", f"{script}; sleep 0.6; echo two"], input="x\n", on_output=on_output)
    hold.set()
    assert "".join(text for text, _late in seen) == "one\nx\ntwo\n"
    assert len(seen) >= 2
    assert not any(late for _text, late in seen)


def test_input_of_any_size_reaches_the_command(connect):
    data = b"\0\xff" * 2_000_000
    assert connect().run(["wc", "-c"], input=data).stdout.strip() == str(len(data))
    assert connect().run(["true"], input=data).exit_status == 0


def test_a_failed_command_tells_its_last_lines_and_no_arguments(connect):
    with pytest.raises(CommandFailed, match=r"sh failed \(exit status 7\): no space left") as error:
        connect().run(["sh", "-c", "echo no space left >&2; exit 7", "token-in-argument"])
    assert error.value.exit_status == 7
    assert "token-in-argument" not in str(error.value)


def test_a_password_that_a_command_repeats_is_not_shown(connect):
    session = connect(password=PASSWORD)
    with pytest.raises(CommandFailed) as caught:
        session.run(["sh", "-c", 'echo "bad: $1"; exit 1', "sh", PASSWORD])
    assert PASSWORD not in str(caught.value)
    assert "bad: …" in str(caught.value)


def test_a_failure_can_be_looked_at_instead(connect):
    assert connect().run(["false"], check=False).exit_status == 1


def test_a_command_that_takes_too_long_is_ended_over_there(connect):
    session = connect()
    with pytest.raises(CommandTimedOut, match="sleep took more than 1 seconds"):
        session.run(["sleep", "61234"], timeout=1)
    assert "61234" not in session.run(["ps", "-eo", "args"]).stdout.replace("ps -eo", "")


def test_a_status_that_only_looks_like_a_timeout_is_a_failure(connect):
    with pytest.raises(CommandFailed):
        connect().run(["sh", "-c", "exit 124"])


def test_a_background_process_does_not_hold_the_session_up(connect):
    started = time.monotonic()
    connect().run(["sh", "-c", "sleep 8 & echo done"])
    assert time.monotonic() - started < 6


def test_a_lost_connection_is_noticed(server, connect):
    session = connect()
    threading.Timer(0.5, server.drop_connections).start()
    with pytest.raises(Unavailable, match="lost"):
        session.run(["sleep", "30"])
    with pytest.raises(Unavailable):
        session.run(["true"])


# -- root ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [ADMIN, FREE, "root"])
def test_who_may_becomes_root(connect, user):
    session = connect(user, password=PASSWORD, key=None) if user == ADMIN else connect(user)
    session.check_root()
    assert session.run(["id", "-un"], sudo=True).stdout == "root\n"
    assert session.run(["id", "-un"]).stdout == f"{user}\n"


@pytest.mark.parametrize(
    ("user", "password", "why"),
    [
        (PLAIN, PASSWORD, "does not allow this user"),
        (ADMIN, "wrong", "refuses the password"),
        (ADMIN, None, "wants a password"),
    ],
)
def test_who_may_not_is_told_why(connect, server, user, password, why):
    session = connect(user, key=server.client_key_text, password=password)
    with pytest.raises(AuthenticationFailed, match=why):
        session.check_root()


@pytest.mark.parametrize("user", [ADMIN, FREE, "root"])
def test_the_password_never_ends_up_in_the_commands_input(connect, server, user):
    session = connect(user, key=server.client_key_text, password=PASSWORD)
    for _again in range(2):
        assert session.run(["cat"], sudo=True, input="only this").stdout == "only this"


def test_the_password_is_neither_in_the_log_nor_in_the_process_list(connect, server, caplog):
    caplog.set_level(logging.DEBUG)
    session = connect(ADMIN, key=server.client_key_text, password=PASSWORD)
    assert PASSWORD not in session.run(["ps", "-eo", "args"], sudo=True).stdout
    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(session)


@pytest.mark.parametrize("user", [ADMIN, PLAIN])
def test_a_file_is_written_whole_and_private(connect, server, user):
    sudo = user == ADMIN
    session = connect(user, key=server.client_key_text, password=PASSWORD)
    path = f"{server.folder}/{user}/new dir/it's"
    session.put_file(path, "first", sudo=sudo)
    session.put_file(path, b"a\0b\n", sudo=sudo)
    stat = session.run(["stat", "-c", "%a %U", path], sudo=sudo).stdout
    assert stat == ("600 root\n" if sudo else f"600 {PLAIN}\n")
    assert session.run(["od", "-An", "-c", path], sudo=sudo).stdout.split() == [
        "a",
        "\\0",
        "b",
        "\\n",
    ]
    assert session.run(["ls", f"{server.folder}/{user}/new dir"]).stdout == "it's\n"


# -- what a machine has, and plans -----------------------------------------------------------------


def test_the_probe_reads_this_machine(connect):
    facts = probe(connect(FREE))
    assert re.fullmatch(r"[a-z]+", facts.os_id)
    assert facts.os_name
    assert facts.cores > 0
    assert facts.ram_bytes > 100 * 1024**2
    assert facts.disk_bytes > facts.disk_free_bytes > 0
    assert facts.hostname


def test_a_step_does_only_what_is_left_to_do(connect, server):
    session = connect(FREE)
    mark = f"{server.folder}/mark"
    step = Step(
        "mark", "Mark", (Command(("sh", "-c", f"echo x >>{mark}"), unless=("test", "-e", mark)),)
    )
    assert run_step(session, step) is True
    assert run_step(session, step) is False
    assert session.run(["cat", mark]).stdout == "x\n"


def test_a_step_shows_its_output_and_stops_at_a_failure(connect):
    seen = []
    step = Step(
        "x", "X", (Command(("sh", "-c", "echo trying; exit 3")), Command(("echo", "never")))
    )
    with pytest.raises(CommandFailed, match="trying"):
        run_step(connect("root"), step, seen.append)
    assert "".join(seen) == "trying\n"
