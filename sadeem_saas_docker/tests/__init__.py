from . import test_postgresql_server
from . import test_placement
from . import test_creation
from . import test_revisions
from . import test_lifecycle
from . import test_guard
from . import test_routing
from . import test_ui
