"""Counts of failed attempts."""

from tortoise import fields
from tortoise.models import Model

CODES = "code of "
"""Prefix of the key for a user's codes; the user's id follows."""
NOTICE = "notice "
"""Prefix of the key for notices of one kind to one mailbox; the start of a digest follows."""


class Throttle(Model):
    """The failed attempts on one account, or on one account from one network; notices to a mailbox.

    Times are whole seconds since 1970, since SQL calculates with them.
    """

    key = fields.CharField(max_length=64, primary_key=True)
    """A user's codes, or the digest of an e-mail address, which may have no account."""
    failures = fields.BigIntField()
    failed_at = fields.BigIntField(db_index=True)
    allowed_at = fields.BigIntField()
    """When the wait ends that the last failure began; 0 if it began none."""
    announced_at = fields.BigIntField(default=0, db_default=0)
    """The `allowed_at` of the last wait that a security event was recorded for."""
    refused = fields.BigIntField(default=0, db_default=0)
    """Attempts refused during a wait, since the last attempt that was checked."""

    class Meta:
        table = "throttles"
        table_description = "How often an account was tried in vain"
