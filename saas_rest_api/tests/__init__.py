from . import test_audit
from . import test_gate
from . import test_routes
from . import test_seed
from . import test_token_page
from . import test_tokens
from . import test_webhooks
