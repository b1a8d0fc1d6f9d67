"""Our texts in the languages of their readers, without a database."""

from odoo.tools.translate import code_translations

from .lib.saas_rest import text

ADDON = "saas_rest_api"


def translated(message: str, language: str | None) -> str:
    """A text of ours in a language such as ``fr_FR``; what is not translated stays English."""
    if not language:
        return str(message)
    known = code_translations.get_python_translations(ADDON, language)
    return text.translate(message, lambda template: known.get(template, template))
