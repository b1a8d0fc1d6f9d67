"""The double as an image of Portainer's name, for installations that start a container of it."""

import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .console import Failure
from .docker_engine import PACKAGES
from .paths import ROOT

TAGS = ("portainer/portainer-ce:lts", "portainer/portainer-ce:latest")
BASE = "saas-test/python"
PYTHON = "python3-minimal,python3-werkzeug,python3-cryptography,python3-bcrypt,python3-jwt"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
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


def build(engine):
    """Makes the image unless the engine has it with the sources of today."""
    digest = _digest()
    status, image = engine.request("GET", f"/images/{TAGS[0]}/json")
    if status == 200 and image["Config"]["Labels"].get("saas.double") == digest:
        return
    if engine.request("GET", f"/images/{BASE}:1/json")[0] == 404:
        _make_base(engine)
    with tempfile.TemporaryDirectory(dir=engine.folder) as folder:
        context = Path(folder)
        (context / "Dockerfile").write_text(DOCKERFILE.replace("{digest}", digest))
        shutil.copy(PACKAGES / "usr/bin/docker", context)
        shutil.copy(PACKAGES / "config/cli-plugins/docker-compose", context)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(SOURCE, context / "portainer_double", ignore=ignored)
        tags = [f"--tag={tag}" for tag in TAGS]
        engine.docker("build", "--quiet", "--network=none", *tags, context)


def _digest():
    digest = hashlib.sha256(DOCKERFILE.encode())
    for path in sorted(SOURCE.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _make_base(engine):
    """Debian with Python, from the mirror that apt uses for this machine."""
    archive = engine.folder / "python.tar"
    suite, sources = _sources()
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar"]
    command += ["--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Languages none"]
    command += ["--aptopt=Acquire::Check-Valid-Until false", "--dpkgopt=force-unsafe-io"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
    command += [f"--include={PYTHON}", suite, str(archive), *sources]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode or not archive.stat().st_size:
            raise Failure(f"The base of the double's image failed:\n{result.stderr[-3000:]}")
        engine.docker("import", archive, f"{BASE}:1")
    finally:
        archive.unlink(missing_ok=True)


def _sources():
    """(suite, apt's lines for it and its updates)"""
    release = Path("/etc/os-release").read_text()
    suite = re.search(r"^VERSION_CODENAME=(\S+)", release, re.M)[1]
    line = f"deb [signed-by={KEYRING}] $(REPO_URI) $(RELEASE) $(COMPONENT)"
    output = subprocess.run(
        ["apt-get", "indextargets", "--format", line, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    wanted = re.compile(rf" {suite}[a-z-]* main$")
    return suite, sorted({line for line in output.splitlines() if wanted.search(line)})
