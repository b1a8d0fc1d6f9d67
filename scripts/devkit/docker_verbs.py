"""`./dev docker` and `./dev portainer`."""

import os
import sys

from . import docker_images, odoo_images, portainer_image
from .console import Failure, Step
from .docker_engine import Engine
from .paths import DEV, ROOT


def docker(verb="ps", *arguments):
    engine = Engine()
    if verb == "up":
        up(engine)
        print(f"DOCKER_HOST={engine.url}")
    elif verb == "portainer-image":
        up(engine)
        with Step("Making the image of the double (a minute the first time)"):
            portainer_image.build(engine)
        print(portainer_image.TAGS[0])
    elif verb == "suite-images":
        up(engine)
        with Step("Making the images of docker-compose.yml (a minute or two the first time)"):
            odoo_images.build(engine)
            portainer_image.build(engine)
        print(f"DOCKER_SOCKET={engine.socket}")
    elif verb == "down":
        down(engine)
    else:
        # Every other word is docker's own.
        if not engine.answers():
            raise Failure("The Docker engine does not run; `./dev docker up` starts it.")
        environment = engine.environment()
        os.execvpe("docker", ["docker", verb, *arguments], environment)


def up(engine):
    engine.keep(True)
    with Step("Starting a private Docker engine"):
        engine.start()
    with Step("Making the images saas-test/web:1 and :2"):
        docker_images.build(engine)


def down(engine):
    engine.keep(False)
    with Step("Stopping the Docker engine"):
        # To leave as the last one is what clears and stops it.
        if engine.answers():
            with engine.use():
                pass
        else:
            engine.stop()
    if engine.answers():
        print("Tests are using the engine; the last of them will stop it.")


def portainer(*arguments):
    """The double in the foreground, in front of the private engine unless told otherwise."""
    engine = Engine()
    options = list(arguments)
    if not _has(options, "--docker") and "--help" not in options:
        up(engine)
        options += ["--docker", engine.url]
    if not _has(options, "--state"):
        options += ["--state", str(DEV / "portainer")]
    environment = {
        **engine.environment(),
        "PYTHONPATH": str(ROOT / "tests"),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "portainer_double", *options]
    os.execve(sys.executable, command, environment)


def _has(options, name):
    return any(option == name or option.startswith(f"{name}=") for option in options)
