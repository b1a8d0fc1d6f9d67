from . import test_postgresql_server
