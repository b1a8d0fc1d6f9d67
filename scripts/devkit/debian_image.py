"""Debian as a base of images, made from the mirror that apt uses for this machine."""

import re
import subprocess
from pathlib import Path

from .console import Failure

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def build(engine, tag, packages, options=()):
    """Debian with some packages (their names, with commas), unless the engine has the image.

    `options` are mmdebstrap's own.
    """
    if engine.request("GET", f"/images/{tag}/json")[0] != 404:
        return
    archive = engine.folder / f"{re.sub('[/:]', '-', tag)}.tar"
    suite, sources = _sources()
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar"]
    command += ["--aptopt=APT::Install-Recommends false", "--aptopt=Acquire::Languages none"]
    command += ["--aptopt=Acquire::Check-Valid-Until false", "--dpkgopt=force-unsafe-io"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("man", "doc", "locale")]
    command += [*options, f"--include={packages}", suite, str(archive), *sources]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode or not archive.stat().st_size:
            raise Failure(f"The image {tag} failed:\n{result.stderr[-3000:]}")
        engine.docker("import", archive, tag)
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
