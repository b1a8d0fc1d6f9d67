"""How the portal's image makes, keeps and renames its database, on a real PostgreSQL."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DOCKER = Path(__file__).resolve().parents[2] / "docker"
#: Stands for Odoo, which takes a minute: the table that the rest of the script looks at.
ODOO = """#!/bin/sh
for word in "$@"; do case $word in --database=*) name=${word#--database=} ;; esac; done
createdb "$name"
psql -q -d "$name" -c "CREATE TABLE ir_config_parameter (key varchar, value varchar)"
"""
#: What configure.py does at its end.
CONFIGURE = """
import os, subprocess
name = os.environ["PORTAL_HOST"]
done = "INSERT INTO ir_config_parameter VALUES ('saas.image_digest', 'one')"
subprocess.run(["psql", "-q", "-d", name, "-c", done], check=True)
"""


@pytest.fixture
def prepare(world, cluster, tmp_path):
    """Runs prepare.sh for a host name, as the image does."""
    image, data = tmp_path / "image", tmp_path / "data"
    image.mkdir()
    shutil.copy(DOCKER / "portal" / "prepare.sh", image)
    script = image / "prepare.sh"
    script.write_text(script.read_text().replace("/var/lib/odoo", str(data)))
    (image / "digest").write_text("one")
    (image / "configure.py").write_text(CONFIGURE)
    (image / "odoo").write_text(ODOO)
    (image / "odoo").chmod(0o755)
    info = world.connection_info("postgres")

    def run(host, *arguments):
        environment = {
            **os.environ,
            "PATH": f"{image}:{os.environ['PATH']}",
            "PGHOST": str(info["host"]),
            "PGPORT": str(info["port"]),
            "PGUSER": info["user"],
            "PGPASSWORD": info["password"],
            "PORTAL_HOST": host,
        }
        return subprocess.run(
            ["bash", str(script), *arguments],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )

    run.data = data
    return run


def portals(cluster):
    return sorted(name for name in cluster.databases() if name.startswith("portal."))


def test_another_name_makes_no_second_portal_and_tells_how_to_rename(prepare, cluster):
    assert prepare("portal.localhost").returncode == 0
    refused = prepare("portal.example.com")
    assert refused.returncode == 1
    assert "prepare.sh rename portal.localhost" in refused.stderr
    assert portals(cluster) == ["portal.localhost"]
    assert prepare("portal.localhost").returncode == 0


def test_a_portal_is_renamed_with_its_files(prepare, cluster):
    assert prepare("portal.localhost").returncode == 0
    for folder in ("filestore", "saas_templates", "saas_backups"):
        (prepare.data / folder / "portal.localhost").mkdir(parents=True)
    done = prepare("portal.example.com", "rename", "portal.localhost")
    assert done.returncode == 0, done.stderr
    assert portals(cluster) == ["portal.example.com"]
    found = sorted(str(path.relative_to(prepare.data)) for path in prepare.data.glob("*/*"))
    assert found == [
        "filestore/portal.example.com",
        "saas_backups/portal.example.com",
        "saas_templates/portal.example.com",
    ]


def test_a_renaming_that_was_cut_off_is_finished_by_the_same_command(prepare, cluster, world):
    assert prepare("portal.localhost").returncode == 0
    (prepare.data / "filestore" / "portal.localhost").mkdir(parents=True)
    world.query("postgres", 'ALTER DATABASE "portal.localhost" RENAME TO "portal.example.com"')
    assert prepare("portal.example.com", "rename", "portal.localhost").returncode == 0
    assert (prepare.data / "filestore" / "portal.example.com").is_dir()


def test_what_is_no_portal_is_not_renamed(prepare, cluster, world):
    world.query("postgres", 'CREATE DATABASE "portal.client"')
    refused = prepare("portal.example.com", "rename", "portal.client")
    assert (refused.returncode, refused.stderr) == (1, "portal.client is no portal.\n")
    assert portals(cluster) == ["portal.client"]
