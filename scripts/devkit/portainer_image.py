"""The double as an image of Portainer's name, for installations that start a container of it."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from . import debian_image
from .docker_engine import PACKAGES
from .paths import ROOT

TAGS = ("portainer/portainer-ce:lts", "portainer/portainer-ce:latest")
AGENT_TAG = "portainer/agent:lts"
BASE = "saas-test/python"
PYTHON = "python3-minimal,python3-werkzeug,python3-cryptography,python3-bcrypt,python3-jwt"
SOURCE = ROOT / "tests" / "portainer_double"
DOCKERFILE = f"""FROM {BASE}:1
COPY docker docker-compose /opt/docker/
COPY portainer_double /opt/double/portainer_double
RUN mkdir -p /data /opt/docker/cli-plugins \\
 && ln -s /opt/docker/docker-compose /opt/docker/cli-plugins/docker-compose
ENV PATH=/opt/docker:/usr/bin:/bin DOCKER_CONFIG=/opt/docker PYTHONPATH=/opt/double \\
    PYTHONUNBUFFERED=1
WORKDIR /data
VOLUME /data
EXPOSE 8000 9000 9443
LABEL saas.double={{digest}}
ENTRYPOINT ["/usr/bin/python3", "-m", "portainer_double", "--host=0.0.0.0", "--http-port=9000"]
"""
AGENT_DOCKERFILE = f"""FROM {TAGS[0]}
EXPOSE 9001
ENTRYPOINT ["/usr/bin/python3", "-m", "portainer_double", "--agent"]
CMD ["--host=0.0.0.0", "--port=9001"]
"""


def build(engine):
    """Makes the image unless the engine has it with the sources of today."""
    digest = _digest()
    status, image = engine.request("GET", f"/images/{TAGS[0]}/json")
    if status == 200 and image["Config"]["Labels"].get("saas.double") == digest:
        return
    debian_image.build(engine, f"{BASE}:1", PYTHON)
    with tempfile.TemporaryDirectory(dir=engine.folder) as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(DOCKERFILE.replace("{digest}", digest))
        shutil.copy(PACKAGES / "usr/bin/docker", context)
        shutil.copy(PACKAGES / "config/cli-plugins/docker-compose", context)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCE, context / "portainer_double", ignore=ignored)
        tags = [f"--tag={tag}" for tag in TAGS]
        engine.docker("build", "--quiet", "--network=none", *tags, context)
        (context / "Dockerfile").write_text(AGENT_DOCKERFILE)
        engine.docker("build", "--quiet", "--network=none", f"--tag={AGENT_TAG}", context)


def _digest():
    digest = hashlib.sha256((DOCKERFILE + AGENT_DOCKERFILE).encode())
    for path in sorted(SOURCE.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]
