"""How much the database and its files take, counted in a way that an upload can afford.

The files are measured as they lie on the disk, because rows can be changed by SQL. Between two
measurements what was added is added up, outside of the database.
"""

import os
import time

from odoo.tools import config, split_every

from . import trust
from .policy import UUID_KEY, is_operator_at_work, is_page_request

MEGABYTE = 1024 * 1024
#: For how long a measurement of the files is good, in seconds.
_FRESH_SECONDS = 900
#: From this part of the limit on, uploads wait for each other.
_NARROW = 0.9


def get_used(env, fresh=False) -> int:
    """Bytes of database and files.

    :param fresh: measure the files now, whatever is remembered
    """
    return get_database_size(env) + _get_files_size(env, fresh)


def get_database_size(env) -> int:
    env.cr.execute("SELECT pg_database_size(current_database())")
    return env.cr.fetchone()[0]


def has_room(env, limit, size) -> bool:
    """Whether `size` more bytes fit below the limit (in MB); those that fit are taken."""
    limit *= MEGABYTE
    expected = get_used(env) + 4 * size
    if expected > _NARROW * limit:
        env["ir.config_parameter"]._saas_queue_up()
        if get_used(env) + size > limit and get_used(env, fresh=True) + size > limit:
            return False
    _add(env, size)
    return True


def is_exempt(env) -> bool:
    """What the operator does, what installing an app does, and what every page needs to be seen."""
    return bool(is_operator_at_work() or not env.registry.ready or is_page_request())


def measure_files(env) -> int:
    """Bytes of the files on disk, without those that Odoo will clear away."""
    folder = config.filestore(env.cr.dbname)
    sizes = {}
    for path, folders, names in os.walk(folder):
        if path == folder and "checklist" in folders:
            folders.remove("checklist")
        for name in names:
            try:
                size = os.path.getsize(os.path.join(path, name))
            except FileNotFoundError:
                # Odoo's own cleaning may run at the same time
                continue
            sizes[os.path.relpath(os.path.join(path, name), folder)] = size
    return sum(sizes.values()) - sum(sizes.get(name, 0) for name in _list_garbage(env, folder))


def _list_garbage(env, folder):
    """Files that no attachment refers to any more."""
    listed = [
        f"{os.path.basename(path)}/{name}"
        for path, _folders, names in os.walk(os.path.join(folder, "checklist"))
        for name in names
    ]
    if not listed:
        return
    env["ir.attachment"].flush_model(["store_fname"])
    # Whoever waited for another upload does not see its row in a transaction that began before.
    with env.registry.cursor() as latest:
        for names in split_every(env.cr.IN_MAX, listed):
            stored = {name for cr in (env.cr, latest) for name in _list_stored(cr, names)}
            yield from set(names) - stored


def _list_stored(cr, names):
    """Which of these files attachments refer to."""
    cr.execute("SELECT store_fname FROM ir_attachment WHERE store_fname IN %s", [names])
    return [name for (name,) in cr.fetchall()]


def _get_files_size(env, fresh) -> int:
    uuid = env["ir.config_parameter"]._get_param(UUID_KEY)
    state = trust.read_state(uuid)
    if not fresh and time.time() - state.get("measured_at", 0) < _FRESH_SECONDS:
        return state.get("files", 0)
    files = measure_files(env)
    trust.update_state(uuid, lambda state: state.update(files=files, measured_at=time.time()))
    return files


def _add(env, size) -> None:
    def add(state):
        state["files"] = state.get("files", 0) + size

    trust.update_state(env["ir.config_parameter"]._get_param(UUID_KEY), add)
