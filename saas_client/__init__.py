from . import controllers, models, wizards
from .hooks import uninstall_hook
from .loading import post_load
