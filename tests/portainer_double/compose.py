"""Runs `docker compose` on the files of a stack."""

import shutil
import subprocess

from . import agent


class ComposeError(Exception):
    """What compose wrote before it gave up."""


def folder(double, stack):
    return double.store.folder / "compose" / str(stack["Id"])


def write(double, stack, content):
    """The stack's file and its variables, one raw line each."""
    place = folder(double, stack)
    place.mkdir(parents=True, exist_ok=True)
    (place / stack["EntryPoint"]).write_text(content, newline="")
    write_variables(double, stack)


def write_variables(double, stack):
    lines = [f"{item.get('name', '')}={item.get('value', '')}\n" for item in stack["Env"] or []]
    (folder(double, stack) / "stack.env").write_text("".join(lines), newline="")


def read(double, stack):
    with (folder(double, stack) / stack["EntryPoint"]).open(newline="") as file:
        return file.read()


def remove_files(double, stack):
    shutil.rmtree(folder(double, stack), ignore_errors=True)


def up(double, endpoint, stack, *options):
    run(double, endpoint, stack, "up", "-d", *options)


def pull(double, endpoint, stack):
    run(double, endpoint, stack, "pull")


def down(double, endpoint, stack):
    run(double, endpoint, stack, "down", "--remove-orphans")


def run(double, endpoint, stack, *arguments):
    place = folder(double, stack)
    files = ["-f", place / stack["EntryPoint"]] if place.is_dir() else []
    variables = ["--env-file", place / "stack.env"] if (place / "stack.env").exists() else []
    command = ["docker", "compose", "--ansi=never", *files, *variables]
    command += ["-p", stack["Name"], *arguments]
    with agent.docker_host(double, endpoint) as host:
        result = subprocess.run(
            [str(part) for part in command],
            cwd=place if place.is_dir() else "/",
            env={**double.environment, "DOCKER_HOST": host},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    if result.returncode:
        raise ComposeError(result.stderr.strip() or f"exit status {result.returncode}")
