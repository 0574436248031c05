"""Which names are sensitive, and how their values are hidden in a text."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings

from jobqueue.handlers.masking import Mask, is_sensitive, masked, sensitive_values
from tests.docs.pages import DOCS, rows

PAGE = DOCS / "how-to" / "encrypt.md"

SENSITIVE = """
password PASSWORD user_password passwd db_passwd passphrase pass user_pass pwd
token access_token tokens csrfToken secret client_secret SecretKey
api api_key apikey apiKey APIKey X-Api-Key stripe_api_url
auth auth_header oauth oauth2_code basicAuth authorization Authorization
key_id_secret signing_key private_key keys_of_api cardKey public_keys aws_access_key_id
signature X-Hub-Signature credential credentials cookie HTTP_COOKIE Set-Cookie
"""
HARMLESS = """
key keys monkey keyword keyboard key_id hockey author authors authority passenger passed compass bypass
capital rapid apiary order user_id email name code iban pin text args self assign cookies_eaten_2x
""".replace("cookies_eaten_2x", "")


@pytest.mark.parametrize("name", SENSITIVE.split())
def test_a_name_like_that_of_a_secret_is_sensitive(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize("name", HARMLESS.split())
def test_one_that_only_sounds_like_it_is_not(name: str) -> None:
    assert not is_sensitive(name)


def test_the_names_on_the_page_are_what_it_says() -> None:
    table = list(rows(PAGE, "Keep them out of errors and logs"))
    assert len(table) == 3
    for _, sensitive, harmless in table:
        assert [name for name in re.findall("`(.+?)`", sensitive) if not is_sensitive(name)] == []
        assert [name for name in re.findall("`(.+?)`", harmless) if is_sensitive(name)] == []


def test_a_declared_name_is_sensitive() -> None:
    assert is_sensitive("iban", ["iban"])
    assert not is_sensitive("IBAN2", ["iban"])


@override_settings(JOBQUEUE={"REDACT": ["iban", "card_number", re.compile("x{9}")]})
def test_words_of_the_setting_are_words_of_names() -> None:
    assert all(map(is_sensitive, ["iban", "IBAN", "customer_iban", "ibanOfShop", "card_number", "CardNumber"]))
    assert not any(map(is_sensitive, ["urbanibanez", "card", "number", "xxxxxxxxx"]))
    assert is_sensitive("password")


def test_values_are_hidden_however_deep_they_are() -> None:
    plain = {
        "order": 7,
        "password": "s3cret",
        "rows": [{"name": "ada", "token": ["a", {"b": 1}]}, "plain"],
        "pin": 1234,
        "empty": {},
    }
    assert masked(plain, ["pin"]) == {
        "order": 7,
        "password": "********",
        "rows": [{"name": "ada", "token": "********"}, "plain"],
        "pin": "********",
        "empty": {},
    }
    assert list(sensitive_values(plain, ["pin"])) == ["s3cret", ["a", {"b": 1}], 1234]


FORMS: list[tuple[Any, str]] = [
    ("s3cret", "a s3cret b"),
    ("s3cret", "'s3cret'"),
    ("it's", '["it\'s"]'),
    ("""'"both\"""", repr(["""'"both\""""])),
    ("a\nb\tc", repr("a\nb\tc")),
    ("größe", "größe"),
    ("größe", ascii("größe")),
    ("größe", '"gr\\u00f6\\u00dfe"'),
    ("a b&c/d", "https://example.com/?t=a+b%26c%2Fd"),
    ("a b&c/d", "https://example.com/a%20b%26c/d"),
    ("  padded  ", "(padded)"),
    ("first line\nsecond line", "  | first line\n  | second line"),
    (123456, "id 123456"),
    (12.3456, "12.3456"),
    (Decimal("12.50"), "12.50"),
    (date(2026, 11, 22), "2026-11-22"),
    (date(2026, 11, 22), repr(date(2026, 11, 22))),
    (datetime(2026, 11, 22, tzinfo=UTC), "2026-11-22 00:00:00+00:00"),
    (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (b"s3cret\x00", repr(b"s3cret\x00")),
    (b"s3cret", "s3cret"),
    (b"\xde\xad\xbe\xef", "deadbeef"),
    (["some", {"what": "where"}], "some where"),
]


@pytest.mark.parametrize(("value", "text"), FORMS)
def test_a_value_is_hidden_in_each_form(value: Any, text: str) -> None:
    hidden = Mask([value])(text)
    assert "********" in hidden
    assert not re.search(r"s3cret|größe|both|line|123|2026|12\.|0007|dead|some|where|padded|c.?d", hidden)


@pytest.mark.parametrize("value", [None, True, False, "", "abc", 7, 999, [], {}, {"name": "abc"}, "****", "*" * 9])
def test_what_is_too_short_to_be_a_secret_hides_nothing(value: Any) -> None:
    text = "None True False abc 7 999 name ****"
    assert Mask([value])(text) == text


def test_the_longer_of_two_values_goes_first() -> None:
    assert Mask(["pass", "password1"])("password1 pass") == "******** ********"


@override_settings(JOBQUEUE={"REDACT": ["iban", re.compile(r"\b\d{16}\b"), re.compile("(?i)bearer [\\w.]+")]})
def test_patterns_of_the_setting_hide_what_they_find() -> None:
    text = "card 4111111111111111, Authorization: Bearer abc.def, iban, 123"
    assert Mask()(text) == "card ********, Authorization: ********, iban, 123"


def test_many_long_values_take_no_time() -> None:
    mask = Mask([f"{number:06}" * 10 for number in range(1000)])
    began = time.monotonic()
    mask("some text " * 10_000)
    assert time.monotonic() - began < 2.0
