"""The refusal of a value, with a message that may be shown."""


class Refusal(ValueError):  # noqa: N818 - the operator reads it
    """A value cannot be used; the message says why, and never shows a secret."""
