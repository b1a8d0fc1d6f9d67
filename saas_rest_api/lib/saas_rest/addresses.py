"""Networks from which a token may be used."""

import ipaddress
import re


def parse_networks(text: str | None) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Reads ``10.0.0.0/8, 2001:db8::1``.

    :raises ValueError: with the part that is no network
    """
    networks = []
    for part in re.split(r"[\s,;]+", (text or "").strip()):
        if part:
            try:
                networks.append(ipaddress.ip_network(part, strict=False))
            except ValueError:
                raise ValueError(part) from None
    return networks


def is_within(address: str, text: str | None) -> bool:
    """Whether an address is in one of the networks; no networks mean everywhere."""
    networks = parse_networks(text)
    if not networks:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)
