"""What is never shown, whoever asks: models and fields that hold secrets or power."""

import re
from fnmatch import translate

#: Answered as if they did not exist.
HIDDEN_MODELS = (
    "saas_rest.*",
    "res.users.apikeys*",
    "res.users.log",
    "res.users.identitycheck",
    "res.users.deletion",
    "auth_totp.*",
    "auth.passkey.*",
    "change.password.*",
    "ir.config_parameter",
    "ir.mail_server",
    "fetchmail.server",
    "ir.logging",
    "ir.profile",
    "ir.cron.trigger",
    "bus.*",
    "iap.account",
    "certificate.*",
    "auth.oauth.provider",
    "res.company.ldap",
    "payment.provider",
    "payment.token",
    "res.config.settings",
    "saas_portal.server",
    "saas_portal.keyring",
    "sadeem.portainer",
    "sadeem.portainer.stack.variable",
    "sadeem.root.server",
)
#: Shown to administrators with the scope ``admin``, and never changed.
ADMIN_MODELS = (
    "ir.model*",
    "ir.rule",
    "res.groups",
    "ir.actions.server",
    "ir.cron",
    "base.automation",
    "ir.ui.view",
    "ir.module.module",
)
_SECRET_FIELD = re.compile(
    r"pass(word|wd)?|secret|token|api_?key|private_key|_pin$|credential|signup_", re.IGNORECASE
)


def _compile(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern) for pattern in patterns))


_HIDDEN = _compile(HIDDEN_MODELS)
_ADMIN = _compile(ADMIN_MODELS)


def is_hidden(model_name: str) -> bool:
    """Whether the model does not exist as far as REST is concerned."""
    return _HIDDEN.match(model_name) is not None


def is_admin_only(model_name: str) -> bool:
    """Whether only administrators may look at the model."""
    return _ADMIN.match(model_name) is not None


def is_secret_field(field_name: str) -> bool:
    """Whether the name of the field says that it holds a secret."""
    return _SECRET_FIELD.search(field_name) is not None
