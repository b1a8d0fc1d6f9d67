from . import (
    test_access,
    test_containers,
    test_environments,
    test_faults,
    test_images,
    test_ports,
    test_root_server,
    test_server,
    test_stacks,
    test_ui,
    test_unknown_outcomes,
    test_views,
)
