"""Names that stacks, images and programs agree on."""

#: Services of a stack.
ODOO_SERVICE = "odoo"
DATABASE_SERVICE = "db"

#: Labels that every container carries.
LABEL_KEY = "saas.client.key"
LABEL_NAME = "saas.client.name"
LABEL_PORTAL = "saas.portal"
#: And Odoo's: the id of its image, so that another one under the same name is another text.
LABEL_IMAGE = "saas.image.id"

#: Ports inside the container of Odoo.
HTTP_PORT = 8069
GEVENT_PORT = 8072
POSTGRESQL_PORT = 5432

#: Volumes of a stack, and where their containers have them.
DATA_VOLUME, DATA_FOLDER = "data", "/var/lib/odoo"
ADDONS_VOLUME, ADDONS_FOLDER = "addons", "/mnt/extra-addons"
DATABASE_VOLUME, DATABASE_FOLDER = "db", "/var/lib/postgresql/data"
#: Where the image has the suite's addons: no volume may hide a newer image's.
IMAGE_ADDONS_FOLDER = "/opt/saas/addons"

#: The stack's variable that holds the password of its database role.
PASSWORD_VARIABLE = "DB_PASSWORD"
#: The role of a database server inside the stack.
IN_STACK_ROLE = "odoo"
#: The database there that is nobody's client.
MAINTENANCE_DATABASE = "postgres"

#: What a database of the client is called, with the client's key, until it has its own name.
STAGING_PREFIX = "saas-new-"

#: What the image's entry point reads: modules to update or install once, separated by commas.
UPDATE_VARIABLE = "SAAS_UPDATE_MODULES"
INSTALL_VARIABLE = "SAAS_INSTALL_MODULES"
#: The image they are updated or installed with, its name and its id: with another one, that is
#: done again.
IMAGE_VARIABLE = "SAAS_IMAGE"

_STACK_PREFIX = "saas-"


def stack_name(key: str) -> str:
    """The name of a client's stack; it outlives every change of the client's name."""
    return _STACK_PREFIX + key


def client_key(name: str) -> str:
    """The key of the client whose stack has this name, '' if it is no client's."""
    return name.removeprefix(_STACK_PREFIX) if name.startswith(_STACK_PREFIX) else ""
