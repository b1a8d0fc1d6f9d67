"""Does to a database what Odoo's commands would do, as little as can be seen from afar."""

import configparser
import json
import os
import sys
from pathlib import Path

import psycopg2


def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else ""


statements = json.loads(Path(os.environ["SMALL_ODOO_SQL"]).read_text())
config = configparser.RawConfigParser()
config.read(option("-c"))
options = config["options"]
connection = psycopg2.connect(
    host=options["db_host"],
    port=options["db_port"],
    user=options["db_user"],
    password=options["db_password"],
    dbname=option("-d"),
)
with connection, connection.cursor() as cursor:
    if sys.argv[1] == "neutralize":
        cursor.execute(statements["NEUTRALIZE"])
    elif sys.argv[1] == "shell":
        sys.stdout.write("template prepared\n")
    elif "base" in option("-i").split(","):
        cursor.execute(statements["ODOO"])
        folder = Path(options["data_dir"]) / "filestore" / option("-d") / "ab"
        folder.mkdir(parents=True)
        (folder / "abcd").write_text(f"attachment of {option('-i')}")
    else:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS module_changes (updated varchar, installed varchar,"
            " place varchar DEFAULT current_database())"
        )
        cursor.execute("INSERT INTO module_changes VALUES (%s, %s)", [option("-u"), option("-i")])
        cursor.execute("INSERT INTO ir_cron (interval_number, interval_type) VALUES (1, 'days')")
if "broken" in option("-i"):
    sys.exit("2026-01-01 ERROR db odoo: the module broken cannot be installed")
