"""The limits that hold for every request; each can be set as a system parameter."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Parameters of the same names, ``saas_rest_api.limit_max`` and so on, replace these values."""

    # Reading.
    limit_default: int = 80
    limit_max: int = 1000
    offset_max: int = 100_000
    fields_max: int = 200
    nesting_default: int = 3
    nesting_max: int = 5
    nested_default: int = 80
    nested_max: int = 500
    count_cap: int = 1000
    domain_leaves: int = 200
    domain_depth: int = 20
    domain_values: int = 2000
    path_segments: int = 5
    # Writing.
    bulk_max: int = 1000
    batch_max: int = 100
    # What is sent: bytes, levels, characters.
    body_max: int = 10 * 1024 * 1024
    token_body_max: int = 8 * 1024
    upload_max: int = 128 * 1024 * 1024
    json_depth: int = 64
    string_max: int = 5 * 1024 * 1024
    uri_max: int = 16 * 1024
    # Seconds.
    read_timeout: int = 30
    write_timeout: int = 120
    token_ttl: int = 604_800
    # Requests in a minute.
    rate_per_token: int = 600
    rate_per_ip: int = 60
