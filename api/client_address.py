"""The address of a client: the peer of the connection, or what a trusted proxy reports."""

import ipaddress
import re
from collections.abc import Sequence

from starlette.datastructures import Headers

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
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
    return _is_among(_parsed(peer), trusted)


def _nearest_stranger(hops: list[str], trusted: Sequence[Network]) -> str | None:
    """Return the last hop that is not a trusted proxy; None if a malformed hop comes first."""
    address = None
    for hop in reversed(hops):
        address = _parsed(hop)
        if address is None or not _is_among(address, trusted):
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


def _parsed(hop: str | None) -> Address | None:
    """Parse a hop: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::7` or `[2001:db8::7]:80`."""
    text = (hop or "").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


def _is_among(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)
