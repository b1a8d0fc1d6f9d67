"""Odoo's command line, as far as the agent uses it, in milliseconds."""
