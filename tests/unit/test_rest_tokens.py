"""Tokens, scopes, networks, limits and headers, without a database."""

import itertools

import pytest
from saas_rest import addresses, prefer, token_values
from saas_rest.limiter import Grant, Limiter, headers
from saas_rest.login_delays import lock_seconds
from saas_rest.problems import CATALOGUE, Detail, Problem
from saas_rest.scopes import Scopes
from saas_rest.settings import Settings
from saas_rest.shared_throttle import SharedThrottle
from saas_rest.text import _lt, translate


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


# --- tokens -----------------------------------------------------------------------


def test_tokens_look_as_they_always_did_and_never_repeat():
    """B4, H16: access_token_ and 40 hex digits from the system's random source."""
    values = {token_values.generate() for _number in range(100)}
    assert len(values) == 100
    assert all(token_values.is_token(value) for value in values)


@pytest.mark.parametrize(
    "value", ["", "weoiruoewr234234kjhewfsdf324d", "access_token_" + "A" * 40, "access_token_"]
)
def test_other_values_are_no_tokens(value):
    assert not token_values.is_token(value)
    assert not token_values.is_token("access_token_" + "a" * 40 + "\n")


def test_the_same_token_has_another_hash_in_another_database():
    """B17: what a copy of a database keeps does not fit there."""
    value = token_values.generate()
    one, other = token_values.hash_of(value, "uuid-1"), token_values.hash_of(value, "uuid-2")
    assert one != other
    assert token_values.same_hash(one, token_values.hash_of(value, "uuid-1"))
    assert value[-32:] not in one


# --- scopes -----------------------------------------------------------------------


def test_scopes_open_what_they_name():
    """B25"""
    scopes = Scopes.parse(["res.partner:read", "sale.*:*"])
    assert scopes.allows("res.partner", "read")
    assert not scopes.allows("res.partner", "write")
    assert not scopes.allows("res.partner.bank", "read")
    assert scopes.allows("sale.order.line", "unlink")
    assert not scopes.allows("saleXorder", "read")
    assert not scopes.admin


def test_a_token_without_scopes_may_all_but_admin():
    assert Scopes.parse([]).allows("any.model", "call")
    assert not Scopes.parse([]).admin
    assert Scopes.parse(["admin"]).admin


@pytest.mark.parametrize(
    "text", ["res.partner", "res.partner:fly", "*.x:read", "a b:read", ":read"]
)
def test_what_is_no_scope_is_named(text):
    with pytest.raises(ValueError, match=r".*") as caught:
        Scopes.parse(["res.partner:read", text])
    assert str(caught.value) == text


def test_scopes_survive_being_written_down():
    for texts in (["res.partner:read"], ["sale.*:*", "admin"], []):
        assert Scopes.parse(texts).as_texts() == texts


# --- networks ---------------------------------------------------------------------


def test_networks_hold():
    """B26"""
    assert not addresses.is_within("127.0.0.1", "10.0.0.0/8")
    assert addresses.is_within("10.1.2.3", "192.168.0.0/16, 10.0.0.0/8")
    assert addresses.is_within("::ffff:10.1.2.3", "10.0.0.0/8")
    assert addresses.is_within("2001:db8::7", "2001:db8::/32")
    assert addresses.is_within("8.8.8.8", "")
    assert not addresses.is_within("nonsense", "10.0.0.0/8")


def test_a_wrong_network_is_named():
    with pytest.raises(ValueError, match="here"):
        addresses.parse_networks("10.0.0.0/8 here")


# --- rates ------------------------------------------------------------------------


class SharedCount:
    """The count that all processes share, as the table keeps it."""

    def __init__(self, limit, clock):
        self.limit, self.clock, self.asked = limit, clock, 0
        self.used, self.end = 0, 0.0

    def lease(self, size):
        self.asked += 1
        if self.clock() >= self.end:
            self.used, self.end = 0, self.clock() + 60
        granted = max(0, min(size, self.limit - self.used))
        self.used += granted
        return Grant(granted, self.used, self.end - self.clock())


def test_request_601_is_refused_and_the_headers_count_down():
    """B27"""
    clock = Clock()
    count, limiter = SharedCount(600, clock), Limiter(clock)
    rates = [limiter.take("token:1", 600, count.lease) for _number in range(601)]
    assert [rate.remaining for rate in rates[:600]] == list(range(599, -1, -1))
    assert all(rate.allowed for rate in rates[:600])
    assert not rates[600].allowed
    assert count.asked < 150, "most requests need not ask"
    clock.now += 61
    assert limiter.take("token:1", 600, count.lease).remaining == 599


def test_two_processes_share_one_limit():
    """B27: together no more than one alone, and no less either."""
    clock = Clock()
    count = SharedCount(600, clock)
    limiters = itertools.cycle([Limiter(clock), Limiter(clock)])
    allowed = sum(next(limiters).take("t", 600, count.lease).allowed for _number in range(700))
    assert allowed == 600


def test_who_may_ask_often_asks_the_shared_count_no_more_often():
    clock = Clock()
    count, limiter = SharedCount(60_000, clock), Limiter(clock)
    allowed = sum(limiter.take("t", 60_000, count.lease).allowed for _number in range(60_001))
    assert allowed == 60_000
    assert count.asked < 300


def test_small_limits_are_exact():
    clock = Clock()
    count, limiter = SharedCount(3, clock), Limiter(clock)
    results = [limiter.take("t", 3, count.lease).allowed for _number in range(5)]
    assert results == [True, True, True, False, False]


def test_both_families_of_headers_say_the_same():
    clock = Clock()
    rate = Limiter(clock).take("t", 600, SharedCount(600, clock).lease)
    assert headers(rate) == {
        "RateLimit-Policy": '"token";q=600;w=60',
        "RateLimit": '"token";r=599;t=60',
        "X-RateLimit-Limit": "600",
        "X-RateLimit-Remaining": "599",
        "X-RateLimit-Reset": "60",
    }


# --- logins -----------------------------------------------------------------------


def test_the_lock_doubles_up_to_a_quarter_of_an_hour():
    assert [lock_seconds(number) for number in (4, 5, 6, 7, 8, 9, 100)] == [
        0, 60, 120, 240, 480, 900, 900,
    ]  # fmt: skip


def test_guessing_databases_is_throttled_as_guessing_passwords():
    """B18, B20: the sixth guess waits, whether or not the database is there."""
    clock = Clock()
    throttle = SharedThrottle(clock)
    for _number in range(5):
        assert throttle.wait("ghost") == 0
        throttle.fail("ghost")
    assert throttle.wait("ghost") == 60
    clock.now += 61
    assert throttle.wait("ghost") == 0
    throttle.fail("ghost")
    assert throttle.wait("ghost") == 120
    clock.now += 2000
    throttle.fail("ghost")
    assert throttle.wait("ghost") == 0


# --- headers ----------------------------------------------------------------------


def test_the_best_installed_language_is_taken():
    """B43"""
    installed = ("en_US", "fr_FR", "fr_BE", "ar_001")
    assert prefer.pick_language("fr", installed) == "fr_FR"
    assert prefer.pick_language("fr-BE, fr;q=0.9", installed) == "fr_BE"
    assert prefer.pick_language("de, fr;q=0.5, en;q=0.8", installed) == "en_US"
    assert prefer.pick_language("ar", installed) == "ar_001"
    assert prefer.pick_language("de, *;q=0.1", installed) is None
    assert prefer.pick_language("fr;q=0, en", installed) == "en_US"
    assert prefer.pick_language(";;;,,q=,\x00", installed) is None


def test_preferences_are_read_and_wrong_values_refused():
    text = "return=minimal, count=exact, timezone=Africa/Casablanca, wait=10"
    assert prefer.parse_preferences(text) == {
        "return": "minimal",
        "count": "exact",
        "timezone": "Africa/Casablanca",
    }
    for wrong in ("count=many", "return=all"):
        with pytest.raises(Problem) as caught:
            prefer.parse_preferences(wrong)
        assert caught.value.code == "invalid-header"
    for wrong in ("Mars/Olympus", "../../etc/passwd", "\x00"):
        with pytest.raises(Problem):
            prefer.parse_timezone(wrong)


def test_companies_are_ids():
    """B44"""
    assert prefer.parse_companies("3, 1,3") == (3, 1)
    for wrong in ("", "a", "1;2", "-1", "0", "9" * 20):
        with pytest.raises(Problem):
            prefer.parse_companies(wrong)


def test_request_ids_are_short_and_plain():
    """B62"""
    assert prefer.is_request_id("client-4.2_x")
    for wrong in ("", "a\r\nSet-Cookie: x", "x" * 65, "é"):
        assert not prefer.is_request_id(wrong)


# --- texts ------------------------------------------------------------------------


def test_texts_are_said_in_another_language_with_their_values():
    text = _lt("%(model)s has no field %(field)s", model="res.partner", field="nope")
    assert text == "res.partner has no field nope"
    french = {"%(model)s has no field %(field)s": "%(field)s manque à %(model)s"}
    assert translate(text, french.get) == "nope manque à res.partner"
    assert translate("plain", french.get) == "plain"
    assert translate(_lt("%(a)s", a=1), lambda _template: "%(b)s") == "1"


def test_every_problem_can_be_said():
    for code in CATALOGUE:
        body = Problem(code, errors=[Detail("/x", code)]).as_dict("abc")
        assert body["type"].endswith(code)
        assert 400 <= body["status"] < 600
        assert body["title"]


def test_settings_come_from_parameters_and_nonsense_is_ignored():
    values = {
        "saas_rest_api.limit_max": "50",
        "saas_rest_api.token_ttl": "never",
        "saas_rest_api.rate_per_token": "-5",
        "saas_rest_api.cors_origins": "https://a.example, https://b.example",
    }
    settings = Settings.from_parameters(values.get)
    assert settings.limits.limit_max == 50
    assert settings.limits.token_ttl == 604_800
    assert settings.limits.rate_per_token == 600
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert not settings.query_credentials
