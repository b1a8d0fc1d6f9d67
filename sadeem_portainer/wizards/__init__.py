from . import sadeem_portainer_stack_delete
