"""Where a request really comes from: the socket's other end, or what a trusted proxy says."""

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
    """The address of the client, from the socket unless that is a trusted proxy's.

    Each proxy appends the address that it was asked from to `header`, the one that the operator has
    named: `x-forwarded-for`, `forwarded` (RFC 7239) or one that holds a single address. Read from
    the end, the first address that is no trusted proxy is the client's; everything before it may be
    the client's invention. No other header is looked at.
    """
    if not trusted or not is_trusted(peer, trusted):
        return peer
    hops = _forwarded(headers) if header == "forwarded" else _listed(headers, header)
    return _nearest_stranger(hops, trusted) or peer


def is_trusted(peer: str | None, trusted: Sequence[Network]) -> bool:
    """Whether the other end of a socket is one of the trusted proxies."""
    return _is_among(_parsed(peer), trusted)


def _nearest_stranger(hops: list[str], trusted: Sequence[Network]) -> str | None:
    """The last hop that is no trusted proxy; None where a hop before it cannot be read."""
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
    """The address in a hop: `192.0.2.7`, `192.0.2.7:80`, `2001:db8::7` or `[2001:db8::7]:80`."""
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
