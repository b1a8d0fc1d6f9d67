from . import sadeem_portainer_stack_delete
from . import sadeem_root_server_install_wizard
