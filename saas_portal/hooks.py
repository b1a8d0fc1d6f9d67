def post_init_hook(env):
    """Let customers sign up from the beginning."""
    env["saas_portal.plan"]._open_signup()
