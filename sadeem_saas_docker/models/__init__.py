from . import sadeem_postgresql_server
