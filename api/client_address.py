"""The address of a client: the peer of the connection, or what a trusted proxy reports."""

import re
from collections.abc import Sequence

from starlette.datastructures import Headers

from auth.network_addresses import Address, Network, is_among, parsed

_FORWARDED_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("[^"]*"|[^;\s]*)', re.IGNORECASE)


def client_address(
    peer: str | None, headers: Headers, trusted: Sequence[Network], header: str
) -> str | None:
    """Return the client's address: the peer's, unless the peer is a trusted proxy.

    Each proxy appends the address of its own peer to `header`, which the operator has named:
    `x-forwarded-for`, `forwarded` (RFC 7239), or a header with a single address. From the end of
    the list, the first address that is not a trusted proxy is the client's; the client may have
    forged everything before it. No other header is read.
    """
    if not trusted or not is_trusted(peer, trusted):
        return peer
    hops = _forwarded(headers) if header == "forwarded" else _listed(headers, header)
    return _nearest_stranger(hops, trusted) or peer


def is_trusted(peer: str | None, trusted: Sequence[Network]) -> bool:
    """Return whether the peer of a connection is a trusted proxy."""
    return is_among(_address_of(peer), trusted)


def _nearest_stranger(hops: list[str], trusted: Sequence[Network]) -> str | None:
    """Return the last hop that is not a trusted proxy; None if a malformed hop comes first."""
    address = None
    for hop in reversed(hops):
        address = _address_of(hop)
        if not is_among(address, trusted):
            break
    return str(address) if address else None


def _listed(headers: Headers, header: str) -> list[str]:
    values = ",".join(headers.getlist(header))
    return values.split(",") if values else []


def _forwarded(headers: Headers) -> list[str]:
    values = ",".join(headers.getlist("forwarded"))
    elements = values.split(",") if values else []
    found = (_FORWARDED_FOR.search(element) for element in elements)
    return [match[1].strip('"') if match else "" for match in found]


def _address_of(hop: str | None) -> Address | None:
    """Return the address of a hop, which may have a port: `192.0.2.7:80`, `[2001:db8::7]:80`."""
    text = (hop or "").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parsed(text)
