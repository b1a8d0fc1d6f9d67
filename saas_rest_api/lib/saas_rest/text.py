"""Texts for whoever wrote a request, to be said in the language that he asked for.

They are made where nobody knows that language, so they carry what a translator needs.
"""

from collections.abc import Callable


class Text(str):
    """An English sentence that remembers how it was made."""

    template: str
    values: dict[str, object]

    def translated(self, translate: Callable[[str], str]) -> str:
        """The sentence by a function that translates templates."""
        try:
            return translate(self.template) % self.values
        except (KeyError, TypeError, ValueError):
            return str(self)


def _lt(template: str, **values: object) -> Text:
    """A translatable sentence: ``_lt("%(model)s has no field %(field)s", model=…, field=…)``.

    Its name, that of Odoo's lazy translations, makes the export of terms find the template.
    """
    text = Text(template % values) if values else Text(template % {})
    text.template, text.values = template, values
    return text


def translate(text: str, translator: Callable[[str], str]) -> str:
    """``text`` in the reader's language, as far as it is known there."""
    return text.translated(translator) if isinstance(text, Text) else text
