"""Pure Python, without Odoo: each package here is imported and tested on its own."""
