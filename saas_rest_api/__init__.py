from . import dispatcher, header_shim, log_filter
from . import controllers, models, wizards
from .hooks import post_init_hook, uninstall_hook

header_shim.install()
log_filter.install()
