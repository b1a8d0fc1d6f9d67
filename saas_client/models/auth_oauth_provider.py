from odoo import api, models

from ..lib.client_rules import is_http_url


class AuthOauthProvider(models.Model):
    _inherit = "auth.oauth.provider"

    @api.model
    def _saas_get_portal(self):
        """The portal as a place to log in, empty where it has been removed."""
        provider = self.env.ref("saas_client.provider_portal", raise_if_not_found=False)
        return provider.sudo() if provider else self.sudo().browse()

    @api.model
    def _saas_set_up(self, portal_url):
        """Open the way in through the portal at this address, with or without a slash at its end.

        :raises ValueError: when it is no address of a web site
        """
        if not is_http_url(portal_url):
            raise ValueError("portal_url")
        provider = self._saas_get_portal()
        if not provider:
            provider = self._saas_restore_portal()
        base = portal_url.rstrip("/")
        vals = {
            "auth_endpoint": f"{base}/oauth2/auth",
            "validation_endpoint": f"{base}/oauth2/tokeninfo",
            "data_endpoint": False,
            "client_id": self.env["ir.config_parameter"].sudo().get_param("database.uuid"),
            "enabled": True,
        }
        if not provider.client_id:
            self._saas_close_publishers_login()
        provider.write({name: value for name, value in vals.items() if provider[name] != value})

    @api.model
    def _saas_restore_portal(self):
        """Somebody has deleted the record: make it again, under its name."""
        provider = self.sudo().create(
            {
                "name": "SaaS Portal",
                "auth_endpoint": "/oauth2/auth",
                "validation_endpoint": "/oauth2/tokeninfo",
                "scope": "userinfo",
                "css_class": "fa fa-fw fa-cloud text-primary",
                "body": "Log in via SaaS Portal",
                "sequence": 1,
            }
        )
        self.env["ir.model.data"].sudo().create(
            {
                "module": "saas_client",
                "name": "provider_portal",
                "model": self._name,
                "res_id": provider.id,
                "noupdate": True,
            }
        )
        return provider

    @api.model
    def _saas_close_publishers_login(self):
        """Odoo offers a log-in with an account at its publisher, which no customer asked for."""
        publisher = self.env.ref("auth_oauth.provider_openerp", raise_if_not_found=False)
        if publisher:
            publisher.sudo().enabled = False
