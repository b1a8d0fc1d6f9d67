from . import auth_oauth
from . import connect
from . import home
from . import session
