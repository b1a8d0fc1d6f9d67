from . import test_access, test_create, test_operations, test_signup, test_ui
