"""Stored texts are encrypted with the first key and opened by any listed one."""

from __future__ import annotations

import base64
import json
import sys
from hashlib import sha256
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from jobqueue import conf
from jobqueue.conf import get_settings
from jobqueue.exceptions import BadSignature, CorruptHandler, DecryptionError
from jobqueue.handlers import dump, renew, sign, verify
from jobqueue.handlers.signing import split
from jobqueue.models import Job
from jobqueue.sealing import is_on, reseal, seal, unseal
from tests.app.jobs import send_receipt
from tests.keys import NEW, OLD, encrypting, id_of

TEXT = '{"job":"shop.jobs.charge","args":["4111 1111 1111 1111"]}'
COLUMNS: dict[str, Any] = {"name": "n", "queue": "q", "max_attempts": None, "max_run_time": None}


class TestSeal:
    def test_without_keys_nothing_is_done(self) -> None:
        assert not is_on()
        assert (seal(TEXT), unseal(TEXT), reseal(TEXT)) == (TEXT, TEXT, TEXT)

    def test_a_sealed_text_names_its_key_and_tells_nothing_else(self) -> None:
        with encrypting(NEW):
            sealed = seal(TEXT)
            assert is_on()
            assert unseal(sealed) == TEXT
        mark, name, token = sealed.split(":")
        assert (mark, name) == ("enc1", sha256(base64.urlsafe_b64decode(NEW)).hexdigest()[:8])
        assert "4111" not in sealed
        assert Fernet(NEW).decrypt(token).decode() == TEXT

    def test_the_first_key_encrypts_and_all_decrypt(self) -> None:
        with encrypting(OLD):
            older = seal(TEXT)
        with encrypting(NEW, OLD):
            assert seal(TEXT).startswith(f"enc1:{id_of(NEW)}:")
            assert unseal(older) == TEXT

    def test_none_in_the_first_place_decrypts_only(self) -> None:
        with encrypting(OLD):
            older = seal(TEXT)
        with encrypting(None, OLD):
            assert not is_on()
            assert (seal(TEXT), unseal(older)) == (TEXT, TEXT)

    def test_what_was_stored_before_is_read_as_it_is(self) -> None:
        with encrypting(NEW):
            assert unseal(TEXT) == TEXT

    @pytest.mark.parametrize("keys", [(), (None,), (NEW,)])
    def test_a_key_that_is_not_listed_is_named(self, keys: tuple[str | None, ...]) -> None:
        with encrypting(OLD):
            older = seal(TEXT)
        with encrypting(*keys), pytest.raises(DecryptionError) as caught:
            unseal(older)
        assert str(caught.value) == f"encrypted with key {id_of(OLD)}, which is not among ENCRYPTION_KEYS"

    @pytest.mark.parametrize(
        "change", [lambda t: t[:-4], lambda t: t[:40] + "é" + t[41:], lambda t: "", lambda t: "%"]
    )
    def test_a_damaged_text_is_told_from_a_missing_key(self, change: Any) -> None:
        with encrypting(NEW):
            mark, token = seal(TEXT).rsplit(":", 1)
            with pytest.raises(DecryptionError) as caught:
                unseal(f"{mark}:{change(token)}")
        assert str(caught.value) == f"encrypted with key {id_of(NEW)}, and damaged since"

    def test_any_text_comes_back(self) -> None:
        with encrypting(NEW):
            for text in ("", "é 👍 \u2028 \n\t", "enc1:", "x" * 100_000):
                assert unseal(seal(text)) == text


class TestReseal:
    def test_a_text_under_the_first_key_stays(self) -> None:
        with encrypting(NEW, OLD):
            sealed = seal(TEXT)
            assert reseal(sealed) == sealed

    @pytest.mark.parametrize("before", [(), (OLD,)])
    def test_any_other_is_put_under_it(self, before: tuple[str, ...]) -> None:
        with encrypting(*before):
            stored = seal(TEXT)
        with encrypting(NEW, OLD):
            renewed = reseal(stored)
        with encrypting(NEW):
            assert renewed.startswith(f"enc1:{id_of(NEW)}:")
            assert unseal(renewed) == TEXT

    def test_where_nothing_is_encrypted_any_more_it_is_opened(self) -> None:
        with encrypting(OLD):
            older = seal(TEXT)
        with encrypting(None, OLD):
            assert reseal(older) == TEXT


class TestHandlers:
    def test_the_signature_is_over_what_is_stored(self) -> None:
        with encrypting(NEW):
            handler = sign(TEXT, **COLUMNS)
            assert verify(handler, **COLUMNS) == TEXT
            body, tag = split(handler)
            assert body.startswith("enc1:")
            other, _ = split(sign(TEXT, **COLUMNS))
            with pytest.raises(BadSignature):
                verify(f"{other}\n{tag}", **COLUMNS)

    def test_what_is_not_as_it_was_stored_is_not_decrypted(self) -> None:
        with encrypting(NEW):
            handler = sign(TEXT, **COLUMNS)
        changed = handler.replace(f"enc1:{id_of(NEW)}", f"enc1:{id_of(OLD)}")
        with pytest.raises(BadSignature):
            verify(changed, **COLUMNS)

    def test_renewing_signs_with_the_first_key_and_changes_what_needs_it_alone(self) -> None:
        with override_settings(SECRET_KEY="old"):
            older = sign(TEXT, **COLUMNS)
        with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]):
            renewed = renew(older, **COLUMNS)
            assert renew(renewed, **COLUMNS) == renewed
        with override_settings(SECRET_KEY="new"):
            assert verify(renewed, **COLUMNS) == TEXT
            with pytest.raises(BadSignature):
                renew(older, **COLUMNS)

    def test_renewing_encrypts_anew_and_signs_that(self) -> None:
        with encrypting(OLD):
            older = sign(TEXT, **COLUMNS)
        with encrypting(NEW, OLD):
            renewed = renew(older, **COLUMNS)
            assert renew(renewed, **COLUMNS) == renewed
        with encrypting(NEW):
            assert verify(renewed, **COLUMNS) == TEXT
            with pytest.raises(DecryptionError):
                renew(older, **COLUMNS)

    def test_what_has_no_signature_gets_none(self) -> None:
        with encrypting(NEW):
            assert renew(TEXT, **COLUMNS) == TEXT

    def test_a_text_that_cannot_be_opened_is_a_corrupt_handler(self) -> None:
        assert issubclass(DecryptionError, CorruptHandler)


class TestForPeople:
    def test_error_and_return_value_are_decrypted(self) -> None:
        with encrypting(NEW):
            job = Job(last_error=seal("ValueError: no"), stored_result=seal('{"rows":2}'))
            assert (job.error, job.result) == ("ValueError: no", {"rows": 2})

    def test_an_error_that_cannot_be_opened_says_why(self) -> None:
        with encrypting(OLD):
            job = Job(last_error=seal("ValueError: no"), stored_result=seal("7"))
        assert job.error == f"(encrypted with key {id_of(OLD)}, which is not among ENCRYPTION_KEYS)"
        with pytest.raises(DecryptionError):
            job.result  # noqa: B018

    def test_nothing_is_nothing(self) -> None:
        assert (Job().error, Job().result) == (None, None)


class TestSettings:
    @override_settings(JOBQUEUE={"ENCRYPTION_KEYS": [OLD]})
    def test_without_the_package_it_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "cryptography", None)
        get_settings.cache_clear()
        with pytest.raises(ImproperlyConfigured) as caught:
            get_settings()
        assert str(caught.value) == (
            'JOBQUEUE["ENCRYPTION_KEYS"] needs the package cryptography: pip install "jobqueue[crypto]". '
            "It is of type list."
        )
        get_settings.cache_clear()

    def test_without_keys_the_package_is_not_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "cryptography", None)
        assert conf.read({"ENCRYPTION_KEYS": [None]})[1] == []


def test_a_third_and_some_more_is_the_price_in_bytes(record_property: Any) -> None:
    name, body = dump(send_receipt.bind({"id": 4711, "note": "twelve apples and a pear"}, copy=True), {})
    columns = COLUMNS | {"name": name}
    plain = len(sign(body, **columns))
    with encrypting(NEW):
        sealed = len(sign(body, **columns))
    record_property("bytes", json.dumps({"plain": plain, "sealed": sealed}))
    # enc1:, the id, and Fernet's version, time, vector, padding to 16 bytes and code, in base64
    assert sealed - plain == len("enc1:12345678:") + len(
        base64.b64encode(bytes(57 + 16 * (len(body) // 16 + 1)))
    ) - len(body)
