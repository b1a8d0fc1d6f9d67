"""A client as a stack of containers: what it consists of, as data and as a compose text."""

from .checks import LOG_LEVELS, SSL_MODES, check_address, check_host, check_image, check_spec
from .compose import compose_data, render
from .diff import describe_difference
from .errors import InvalidSpec
from .names import (
    ADDONS_FOLDER,
    DATA_FOLDER,
    DATABASE_SERVICE,
    GEVENT_PORT,
    HTTP_PORT,
    IMAGE_ADDONS_FOLDER,
    IN_STACK_ROLE,
    INSTALL_VARIABLE,
    LABEL_IMAGE,
    LABEL_KEY,
    LABEL_NAME,
    LABEL_PORTAL,
    ODOO_SERVICE,
    PASSWORD_VARIABLE,
    UPDATE_VARIABLE,
    client_key,
    stack_name,
)
from .passwords import make_password
from .routing import Nginx, Route, render_nginx
from .types import (
    ExternalDatabase,
    InStackDatabase,
    OdooOptions,
    Ports,
    Resources,
    Routing,
    StackSpec,
    SwarmOptions,
)
