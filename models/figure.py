"""Figures for operators: counters that are kept up to date beside the work."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class EventCount(Model):
    """How many events of one type happened in one hour."""

    id = fields.BigIntField(primary_key=True)
    hour = fields.DatetimeField()
    type = fields.CharField(max_length=32)
    count = fields.BigIntField()

    class Meta:
        table = "event_counts"
        table_description = "Security events by hour and type"
        unique_together = (("hour", "type"),)


class Figures(Model):
    """The one row that says what was counted last."""

    id = fields.IntField(primary_key=True)
    last_event = fields.BigIntField(default=0)
    """The newest event that is in `event_counts`."""
    due_at = fields.DatetimeField()
    """When users are counted next; whoever moves it forward counts."""
    counted_at = fields.DatetimeField(null=True)
    users: dict[str, Any] = fields.JSONField(default=dict)
    """How many users there are, and of which kinds."""

    class Meta:
        table = "figures"
        table_description = "What was counted last"
