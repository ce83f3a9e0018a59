"""The address of a client behind proxies."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from api.client_address import client_address

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("2001:db8:aaaa::/48")]
PROXY, CLIENT = "10.0.0.1", "192.0.2.7"


def found(
    headers: dict[str, str] | list[tuple[str, str]],
    peer: str = PROXY,
    header: str = "x-forwarded-for",
) -> str | None:
    pairs = headers.items() if isinstance(headers, dict) else headers
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]
    return client_address(peer, Headers(raw=raw), TRUSTED, header)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded"])
def test_only_a_trusted_proxy_is_believed(name: str) -> None:
    assert found({name: f"for={CLIENT}"}, "198.51.100.1", name.lower()) == "198.51.100.1"
    assert client_address(PROXY, Headers({name: CLIENT}), [], name.lower()) == PROXY
    assert client_address(None, Headers({name: CLIENT}), TRUSTED, name.lower()) is None


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (CLIENT, CLIENT),
        (f"{CLIENT}:4711", CLIENT),
        (f" {CLIENT} , 10.1.2.3", CLIENT),
        (f"203.0.113.9, {CLIENT}", CLIENT),  # the first part is forged by the client
        (f"10.9.9.9, {CLIENT}, 10.1.2.3", CLIENT),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        (f"::ffff:{CLIENT}", CLIENT),
        ("2001:DB8:0::7, 2001:db8:aaaa::1", "2001:db8::7"),
        ("10.1.2.3", "10.1.2.3"),
        ("", PROXY),
        ("unknown", PROXY),
        (f"{CLIENT}, unknown", PROXY),
        (f"{CLIENT}, <script>, 10.1.2.3", PROXY),
        ("a" * 5000, PROXY),
    ],
)
def test_x_forwarded_for_is_read_from_its_end(header: str, expected: str) -> None:
    assert found({"X-Forwarded-For": header}) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"For={CLIENT};proto=https;by=10.0.0.1", CLIENT),
        (f'proto=https; for="{CLIENT}:4711"', CLIENT),
        ('for="[2001:db8::7]:4711"', "2001:db8::7"),
        (f"for=203.0.113.9, for={CLIENT}, for=10.1.2.3", CLIENT),
        ("for=unknown", PROXY),
        ("for=_hidden", PROXY),
        ("proto=https", PROXY),
        ("xfor=192.0.2.9", PROXY),
    ],
)
def test_forwarded_is_read_from_its_end(header: str, expected: str) -> None:
    assert found({"Forwarded": header}, header="forwarded") == expected


@pytest.mark.parametrize("name", ["X-Real-IP", "CF-Connecting-IP"])
def test_a_header_with_a_single_address_can_be_configured(name: str) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    assert found({name: CLIENT} | forged, header=name.lower()) == CLIENT
    assert found(forged, header=name.lower()) == PROXY


def test_a_repeated_header_is_read_as_one_list() -> None:
    twice = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", CLIENT)]
    assert found(twice) == CLIENT


def test_a_header_that_is_not_configured_is_ignored() -> None:
    """Most proxies write one of the two headers and pass the other one on."""
    both = {"X-Forwarded-For": CLIENT, "Forwarded": "for=203.0.113.9"}
    assert found(both) == CLIENT
    assert found(both, header="forwarded") == "203.0.113.9"


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_a_client_cannot_forge_the_address_that_the_proxy_appends(
    forged: str, forwarded: str
) -> None:
    """The proxy appends the real address; everything before it is ignored."""
    assert found({"X-Forwarded-For": f"{forged}, {CLIENT}"}) == CLIENT
    assert found({"X-Forwarded-For": CLIENT, "Forwarded": forwarded}) == CLIENT
