"""The attacks run against the same servers as the flows: one of each kind, and many."""

from tests.flows.conftest import servers, visitor

__all__ = ["servers", "visitor"]
