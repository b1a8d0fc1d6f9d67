from . import (
    test_access,
    test_configure,
    test_create,
    test_expiry,
    test_lifecycle,
    test_operations,
    test_pages,
    test_signup,
    test_sync,
    test_template,
    test_ui,
    test_views,
)
