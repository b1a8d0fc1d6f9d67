"""Stand-ins for the images odoo:19.0, postgres:16 and nginx:1.27, and our own images on top.

They keep the contract of the official ones (environment, paths, entry point) and are made without a
registry: Debian's packages, the Odoo of `./dev setup` and the Python packages of its venv.
"""

import contextlib
import fcntl
import functools
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from . import debian_image
from .console import Failure
from .paths import DEV, ROOT

ODOO, POSTGRES, NGINX = "odoo:19.0", "postgres:16", "nginx:1.27"
CLIENT, PORTAL = "saas-client:19.0", "saas-portal:19.0"
LABEL = "saas.sources"
STAND_INS = Path(__file__).parent / "stand_ins"
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "scripts" / "requirements-odoo.txt")
#: The three share one base: one bootstrap, and one layer on the disk.
PACKAGES = "python3,python3-pip,libmagic1,curl,postgresql,nginx,gettext-base"
LIB = "/usr/lib/x86_64-linux-gnu"
BASE_OPTIONS = (
    # PostgreSQL works without its compiler, which is half of the base.
    f"--dpkgopt=path-exclude={LIB}/libLLVM*",
    f"--dpkgopt=path-exclude={LIB}/libz3*",
    "--dpkgopt=path-exclude=/usr/lib/postgresql/*/lib/bitcode/*",
    "--dpkgopt=path-exclude=/usr/lib/postgresql/*/lib/llvmjit*",
    '--essential-hook=mkdir -p "$1/etc/postgresql-common"',
    '--essential-hook=echo "create_main_cluster = false" '
    '>"$1/etc/postgresql-common/createcluster.conf"',
)
BASE_DIGEST = hashlib.sha256("".join((PACKAGES, *BASE_OPTIONS)).encode()).hexdigest()[:12]
BASE = f"saas-test/suite:{BASE_DIGEST}"
DIST_PACKAGES = "usr/lib/python3/dist-packages"
#: Translations alone are two thirds of Odoo. The rest is of no use in a container of tests.
LEFT_OUT = ("*.po", "*.pot", "*/addons/l10n_*", "*/addons/test_*", "*/static/tests")


def build(engine):
    """Makes all images that are missing or whose sources have changed since."""
    with _alone(engine):
        debian_image.build(engine, BASE, PACKAGES, BASE_OPTIONS)
        _build(engine, POSTGRES, _stand_in("postgres"), _prepare("postgres"))
        _build(engine, NGINX, _stand_in("nginx"), _prepare("nginx"))
        odoo = _odoo_digest()
        _build(engine, ODOO, odoo, functools.partial(_prepare_odoo, engine))
        for tag, folder in ((CLIENT, "client"), (PORTAL, "portal")):
            dockerfile = f"docker/{folder}/Dockerfile"
            _build(engine, tag, _digest(odoo, *_copied(dockerfile)), None, dockerfile)
        # What was replaced, unless a container still runs it.
        engine.docker("image", "prune", "--force", f"--filter=label={LABEL}")


@contextlib.contextmanager
def _alone(engine):
    """Two test runs that need an image make it once."""
    with (engine.folder / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(engine, tag, digest, prepare, dockerfile="Dockerfile"):
    """Makes an image of what `prepare` puts into a folder, or of the repository."""
    status, image = engine.request("GET", f"/images/{tag}/json")
    if status == 200 and (image["Config"]["Labels"] or {}).get(LABEL) == digest:
        return
    with tempfile.TemporaryDirectory(dir=engine.folder) as folder:
        arguments = []
        if prepare:
            prepare(Path(folder))
            arguments.append(f"--build-arg=BASE={BASE}")
        context = Path(folder) if prepare else ROOT
        engine.docker(
            "build", "--quiet", "--network=none", f"--tag={tag}", f"--label={LABEL}={digest}",
            f"--file={context / dockerfile}", *arguments, context,
        )  # fmt: skip


# --- stand-ins --------------------------------------------------------------------


def _stand_in(name):
    return _digest(BASE, *sorted((STAND_INS / name).iterdir()))


def _prepare(name):
    return lambda context: shutil.copytree(STAND_INS / name, context, dirs_exist_ok=True)


def _odoo_digest():
    packages = [f"{each.name} {each.version}" for each in _python_packages()]
    release = _odoo_folder() / "release.py"
    return _digest(
        _stand_in("odoo"), " ".join(packages), " ".join(LEFT_OUT), release, *REQUIREMENTS,
        *_extra_requirements(), ROOT / "scripts" / "bin" / "odoo",
    )  # fmt: skip


def _prepare_odoo(engine, context):
    _check_python(engine)
    _prepare("odoo")(context)
    shutil.copy(ROOT / "scripts" / "bin" / "odoo", context)
    _pack_odoo(context / "odoo.tar")
    _pack_python(context / "packages.tar")
    _download_wheels(context / "wheels")


def _check_python(engine):
    """Compiled packages of the venv serve only the Python that it was made of."""
    program = "import sys; print(*sys.version_info[:2], sep='.')"
    debians = engine.docker("run", "--rm", "--network=none", BASE, "python3", "-c", program).strip()
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if debians != ours:
        raise Failure(
            f"The images' Python is {debians}, the venv's {ours}: the images need a venv of the"
            " system's Python. Remove .dev/venv and run `./dev setup` with /usr/bin first in PATH."
        )


def _odoo_folder():
    import odoo.release

    return Path(odoo.release.__file__).parent


def _pack_odoo(archive):
    folder = _odoo_folder()
    excluded = [f"--exclude={pattern}" for pattern in LEFT_OUT]
    # S: targets of links stay as they are.
    place = f"--transform=s,^odoo,{DIST_PACKAGES}/odoo,S"
    _tar("-cf", archive, *excluded, place, "-C", folder.parent, "odoo")
    share = DEV / "odoo" / "usr" / "share"
    if share.parent in folder.parents:
        # Debian's Odoo links to fonts and libraries of other packages.
        names = [path.name for path in share.iterdir() if path.name not in ("doc", "lintian")]
        _tar("-rf", archive, "--transform=s,^,usr/share/,S", "-C", share, *names)


def _pack_python(archive):
    """The packages that Odoo and we need, to where pip installs them for Debian's Python."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    place = f"--transform=s,^,usr/local/lib/{version}/dist-packages/,S"
    _tar("-cf", archive, "-T", "/dev/null")
    for package in _python_packages():
        root = Path(package.locate_file("")).resolve()
        files = [str(path) for path in package.files if not str(path).startswith(("..", "/"))]
        present = "\n".join(path for path in files if (root / path).exists())
        _tar("-rf", archive, place, "-C", root, "-T", "-", stdin=present)


def _python_packages():
    """The installed distributions that the requirements name, and what these need."""
    from packaging.requirements import Requirement

    todo = [
        Requirement(line)
        for path in REQUIREMENTS
        for line in path.read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    found, seen = {}, set()
    while todo:
        wanted = todo.pop()
        extras = frozenset(wanted.extras) or frozenset({""})
        if (wanted.name, extras) in seen:
            continue
        seen.add((wanted.name, extras))
        # What only other systems need is not there.
        with contextlib.suppress(metadata.PackageNotFoundError):
            package = found[wanted.name] = metadata.distribution(wanted.name)
            needs = [Requirement(each) for each in package.requires or []]
            todo += [each for each in needs if _applies(each, extras)]
    packages = {package.name: package for package in found.values()}
    return [packages[name] for name in sorted(packages)]


def _applies(requirement, extras):
    marker = requirement.marker
    return not marker or any(marker.evaluate({"extra": extra}) for extra in extras)


def _extra_requirements():
    return sorted((ROOT / "docker").glob("*/requirements*.txt"))


def _download_wheels(folder):
    """What Dockerfiles install with pip, for a pip that reaches no index."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    for path in (REQUIREMENTS[0], *_extra_requirements()):
        command += ["--requirement", str(path)]
    _run([*command, f"--dest={folder}"])


# --- our images --------------------------------------------------------------------


def _copied(dockerfile):
    """The Dockerfile, and all files that it copies from the repository."""
    text = (ROOT / dockerfile).read_text()
    yield ROOT / dockerfile
    for words in re.findall(r"^COPY (.+) \S+$", text, re.M):
        for source in map(ROOT.joinpath, words.split()):
            for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
                parts = path.relative_to(ROOT).parts
                # What .dockerignore leaves outside.
                if path.is_file() and not {"__pycache__", "tests"} & set(parts):
                    yield path


# --- helpers -----------------------------------------------------------------------


def _digest(*parts):
    """Of texts, and of files with their names."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(
            part.name.encode() + part.read_bytes() if isinstance(part, Path) else part.encode()
        )
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def _tar(*arguments, stdin=""):
    _run(["tar", "--owner=0", "--group=0", "--numeric-owner", *map(str, arguments)], stdin)


def _run(command, stdin=""):
    result = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failure(f"{' '.join(command[:4])} … failed:\n{result.stderr[-2000:]}")
