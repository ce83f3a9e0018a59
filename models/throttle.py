"""How often an account was tried in vain."""

from tortoise import fields
from tortoise.models import Model

CODES = "code of "
"""What the key of a user's codes begins with; the user's id follows."""


class Throttle(Model):
    """The failed attempts on one account, or on one account from one network.

    Times are whole seconds since 1970, as `auth.limits.throttling` does its sums with them in SQL.
    """

    key = fields.CharField(max_length=64, primary_key=True)
    """What is tried: a user's codes, or a digest of an address, which may have no account."""
    failures = fields.BigIntField()
    failed_at = fields.BigIntField(db_index=True)
    allowed_at = fields.BigIntField()
    """When the next attempt is looked at."""
    announced_at = fields.BigIntField(default=0, db_default=0)
    """The `allowed_at` of the last wait that a security event tells of."""
    refused = fields.BigIntField(default=0, db_default=0)
    """Attempts that came during a wait and were not looked at, since the last one that was."""

    class Meta:
        table = "throttles"
        table_description = "How often an account was tried in vain"
