"""Settings that operators have changed while the server ran."""

from tortoise import fields
from tortoise.models import Model


class SettingsVersion(Model):
    """The one row that every change of settings locks, so that changes come one after another.

    The first change makes it.
    """

    id = fields.IntField(primary_key=True)
    version = fields.BigIntField(default=0)
    """How many changes there were; each process compares it with the version that it has."""

    class Meta:
        table = "settings_version"
        table_description = "How often the settings were changed"


class SettingChange(Model):
    """One new value of one setting. The newest change of a setting is in force; none is deleted."""

    id = fields.BigIntField(primary_key=True)
    version = fields.BigIntField()
    """The version that the change made; what was changed together has the same."""
    name = fields.CharField(max_length=64, db_index=True)
    """The setting's name in the environment."""
    value = fields.TextField(null=True)
    """In the form that the environment would have; null: the operator's value was removed."""
    previous = fields.TextField(null=True)
    """The operators' value until then; null: there was none."""
    created_at = fields.DatetimeField()
    operator_id = fields.UUIDField(null=True)
    operator_name = fields.CharField(max_length=320, default="")
    """Who has made the change, also after the account was deleted."""
    reason = fields.CharField(max_length=255, null=True)

    class Meta:
        table = "setting_changes"
        table_description = "Settings that operators have changed"
