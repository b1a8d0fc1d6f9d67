def post_init_hook(env):
    """Let customers sign up, with and without ``website``, whose own setting wins over Odoo's."""
    env["ir.config_parameter"].set_param("auth_signup.invitation_scope", "b2c")
    if "website" in env and "auth_signup_uninvited" in env["website"]._fields:
        env["website"].search([]).write({"auth_signup_uninvited": "b2c"})
