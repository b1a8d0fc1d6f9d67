"""Runs `docker compose` or `docker stack` on the files of a stack."""

import shutil
import subprocess

from . import agent

SWARM, COMPOSE = 1, 2  # types of stacks


class ComposeError(Exception):
    """What compose, or docker, wrote before it gave up."""


def is_swarm(stack):
    return stack["Type"] == SWARM


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
    if is_swarm(stack):
        place = folder(double, stack)
        # Portainer asks a registry for the images; there is none here.
        command = ["stack", "deploy", "--with-registry-auth", "--resolve-image", "never", *options]
        command += ["--compose-file", place / stack["EntryPoint"], stack["Name"]]
        run_docker(double, endpoint, stack, command)
    else:
        run(double, endpoint, stack, "up", "-d", *options)


def pull(double, endpoint, stack):
    run(double, endpoint, stack, "pull")


def down(double, endpoint, stack):
    if is_swarm(stack):
        run_docker(double, endpoint, stack, ["stack", "rm", stack["Name"]])
    else:
        run(double, endpoint, stack, "down", "--remove-orphans")


def run(double, endpoint, stack, *arguments):
    place = folder(double, stack)
    files = ["-f", place / stack["EntryPoint"]] if place.is_dir() else []
    variables = ["--env-file", place / "stack.env"] if (place / "stack.env").exists() else []
    command = ["compose", "--ansi=never", *files, *variables, "-p", stack["Name"], *arguments]
    execute(double, endpoint, place, command)


def run_docker(double, endpoint, stack, command):
    """The variables of a swarm's stack are the environment of the program itself."""
    variables = {item.get("name", ""): item.get("value", "") for item in stack["Env"] or []}
    execute(double, endpoint, folder(double, stack), command, variables)


def execute(double, endpoint, place, command, variables=None):
    program = shutil.which("docker", path=double.environment.get("PATH")) or "docker"
    command = [program, *command]
    with agent.docker_host(double, endpoint) as host:
        result = subprocess.run(
            [str(part) for part in command],
            cwd=place if place.is_dir() else "/",
            env={**double.environment, **(variables or {}), "DOCKER_HOST": host},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    if result.returncode:
        raise ComposeError(result.stderr.strip() or f"exit status {result.returncode}")
