from . import dispatcher, header_shim
from . import controllers, models

header_shim.install()
