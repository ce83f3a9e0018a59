"""Network addresses, and whether they belong to a network."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parsed(text: str | None) -> Address | None:
    """Return the address, or None if it is not one.

    An IPv4 address in the form of IPv6 (`::ffff:192.0.2.7`) is an IPv4 address.
    """
    try:
        address = ipaddress.ip_address(text or "")
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


def is_among(address: Address | None, networks: Iterable[Network]) -> bool:
    """Return whether the address belongs to one of the networks."""
    return address is not None and any(address in network for network in networks)
