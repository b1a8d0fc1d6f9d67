from . import sadeem_saas_docker_new_stage
