"""Small images made without a registry: Debian's static busybox and a shell script."""

import io
import subprocess
import tarfile

from .console import Failure
from .docker_engine import PACKAGES

REPOSITORY = "saas-test/web"
VERSIONS = ("1", "2")
START = """#!/bin/sh
# The web server is a child: the first process of a container ignores a polite end otherwise.
trap 'echo bye; exit 0' TERM INT
echo "web {version} serves"
httpd -f -p 8080 -h /www &
wait
"""
HEALTH = (
    'HEALTHCHECK --interval=1s --timeout=5s --retries=3 CMD ["wget","-qO-","http://127.0.0.1:8080"]'
)


def build(engine):
    """`saas-test/web:1` and `:2`: an HTTP server on port 8080 that tells its version."""
    for version in VERSIONS:
        tag = f"{REPOSITORY}:{version}"
        if engine.request("GET", f"/images/{tag}/json")[0] == 404:
            _import(engine, tag, _root(version))


def copy(source, target, tags):
    """Gives another engine images of this one, unless it has the same."""
    missing = [tag for tag in tags if _find(target, tag) != _find(source, tag)]
    if not missing:
        return
    command = ["docker", "save", *missing]
    with subprocess.Popen(command, env=source.environment(), stdout=subprocess.PIPE) as save:
        target.docker("load", "--quiet", stdin=save.stdout)
    if save.wait():
        raise Failure(f"{' '.join(command)} failed")


def _find(engine, tag):
    """The number of an image, None when it is not there."""
    status, image = engine.request("GET", f"/images/{tag}/json")
    return image["Id"] if status == 200 else None


def _root(version):
    """The file system of an image as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        busybox = next(path for path in PACKAGES.glob("**/bin/busybox") if path.is_file())
        _add(tar, "bin/busybox", busybox.read_bytes(), 0o755)
        for name in ("sh", "httpd", "wget", "cat", "echo", "ls", "sleep", "env", "id", "date"):
            _link(tar, f"bin/{name}", "busybox")
        for name in ("head", "tail", "seq", "true", "false", "dd", "hostname", "printf", "ps"):
            _link(tar, f"bin/{name}", "busybox")
        _add(tar, "start", START.format(version=version).encode(), 0o755)
        _add(tar, "www/index.html", f"version {version}\n".encode(), 0o644)
        _add(tar, "etc/passwd", b"root:x:0:0:root:/:/bin/sh\n", 0o644)
        for folder in ("tmp", "data"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(entry)
    return buffer.getvalue()


def _add(tar, name, content, mode):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _link(tar, name, target):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    tar.addfile(entry)


def _import(engine, tag, archive):
    path = engine.folder / "image.tar"
    path.write_bytes(archive)
    engine.docker(
        "import",
        '--change=CMD ["/start"]',
        "--change=ENV PATH=/bin",
        "--change=EXPOSE 8080",
        f"--change={HEALTH}",
        path,
        tag,
    )
    path.unlink()
