"""A connection to the database that is always there, kept for whoever needs one next.

Opening one takes longer than what most verbs have to ask for. Each process keeps one of a server.
"""

import os
import threading

import psycopg2
from psycopg2 import extensions

_lock = threading.Lock()
_kept: dict = {}


def borrow(**info):
    """The connection that is kept, or a new one.

    :raises psycopg2.OperationalError: the server refuses
    """
    with _lock:
        connection = _kept.pop(_key(info), None)
    if connection:
        try:
            # The server may have been restarted meanwhile, or the role made anew.
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_user")
            connection.autocommit = False
            return connection
        except psycopg2.Error:
            connection.close()
    return psycopg2.connect(**info)


def keep(info: dict, connection) -> bool:
    """Keep the connection for the next one; False when another one is kept, or it is broken."""
    if connection.closed or connection.status != extensions.STATUS_READY:
        return False
    connection.autocommit = False
    with _lock:
        return _kept.setdefault(_key(info), connection) is connection


def _key(info: dict) -> tuple:
    # A process that was forked must not speak on its parent's connection.
    return os.getpid(), *sorted(info.items())
