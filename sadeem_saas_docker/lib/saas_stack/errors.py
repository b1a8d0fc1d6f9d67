"""What is raised for a stack that cannot be described."""


class InvalidSpec(ValueError):
    """A setting that compose, Docker or Odoo would refuse, or that would mean something else there.

    ``field``: its dotted name in the specification ("odoo.workers"); ``reason``: a sentence for
    whoever entered it.
    """

    def __init__(self, field: str, reason: str):
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")
