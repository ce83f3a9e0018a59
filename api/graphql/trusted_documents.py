"""Trusted documents: if the operator names a manifest, only its operations run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config import ConfigError

_SETTING = "AUTH_GRAPHQL_TRUSTED_DOCUMENTS"
_KIND = "sha256:"


class TrustedDocuments:
    """The documents of a manifest, each with the id that clients send for it."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        """Map ids to documents. An id may have graphql-codegen's prefix `sha256:`."""
        self._documents = documents
        self._by_id = {name.removeprefix(_KIND): text for name, text in documents.items()}
        self._texts = frozenset(documents.values())

    def and_also(self, others: Mapping[str, str]) -> "TrustedDocuments":
        """Return these documents and others, such as those of Postern's own pages."""
        return TrustedDocuments({**others, **self._documents})

    def find(self, request: Mapping[str, Any]) -> str | None:
        """Return the document that a request names or contains; None if it is not trusted.

        A request names it by `documentId`, or by `extensions.persistedQuery.sha256Hash` like
        Apollo's clients and graphql-codegen's examples.
        """
        extensions = request.get("extensions")
        persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
        named = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
        for name in (request.get("documentId"), named):
            if isinstance(name, str):
                return self._by_id.get(name.removeprefix(_KIND))
        text = request.get("query")
        return text if isinstance(text, str) and text in self._texts else None


def read_manifest(path: Path) -> TrustedDocuments:
    """Read a manifest: a JSON object of ids and documents, as graphql-codegen writes it.

    Raises ConfigError.
    """
    try:
        documents = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{_SETTING}: {path} cannot be read ({error.strerror})") from None
    except ValueError:
        documents = None
    if not isinstance(documents, dict) or not all(map(_is_text, documents.values())):
        raise ConfigError(f"{_SETTING}: {path}: expected a JSON object of ids and documents")
    return TrustedDocuments(documents)


def _is_text(value: object) -> bool:
    return isinstance(value, str)
