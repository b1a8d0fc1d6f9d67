#!/usr/bin/python3
"""Returns when PostgreSQL takes a connection; after the timeout it fails with the last refusal."""

import argparse
import sys
import time

import psycopg2

parser = argparse.ArgumentParser()
for name in ("host", "port", "user", "password"):
    parser.add_argument(f"--db_{name}", required=True)
parser.add_argument("--timeout", type=int, default=5)
options = parser.parse_args()
refusal = None
end = time.monotonic() + options.timeout
while time.monotonic() < end:
    try:
        psycopg2.connect(
            host=options.db_host,
            port=options.db_port,
            user=options.db_user,
            password=options.db_password,
            dbname="postgres",
        ).close()
        sys.exit(0)
    except psycopg2.OperationalError as error:
        refusal = error
        time.sleep(0.5)
sys.exit(f"Database connection failure: {refusal}")
