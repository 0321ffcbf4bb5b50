"""Sealed content: every byte that is changed is noticed, and no key opens another's."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topstepx.errors import ExtraMissing
from topstepx.settings import Secret
from topstepx.store.sealing import (
    Header,
    Slowness,
    Unsealable,
    derived_key,
    passphrase_key,
    require_cryptography,
    seal,
    unseal,
)

MAGIC = b"test\n"
QUICK = Slowness(iterations=1, memory_kib=64, lanes=1)
KEY = derived_key(Secret("a random secret"), "tests")


@given(st.binary(max_size=300), st.text(max_size=20))
def test_there_and_back(content: bytes, about: str) -> None:
    assert unseal(MAGIC, about, seal(MAGIC, about, content, KEY), KEY) == content


def test_a_passphrase_in_any_spelling_of_its_letters() -> None:
    sealed = seal(MAGIC, "a", b"x", passphrase_key(Secret("caf\u00e9")), slowness=QUICK)
    assert unseal(MAGIC, "a", sealed, passphrase_key(Secret("cafe\u0301"))) == b"x"


def test_every_byte_counts() -> None:
    sealed = seal(MAGIC, "a", b"content", KEY)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(Unsealable):
            unseal(MAGIC, "a", bytes(changed), KEY)
    for end in range(len(sealed)):
        with pytest.raises(Unsealable):
            unseal(MAGIC, "a", sealed[:end], KEY)


def test_what_it_costs_cannot_be_lowered_or_raised() -> None:
    key = passphrase_key(Secret("correct horse"))
    sealed = seal(MAGIC, "a", b"x", key, slowness=QUICK)
    for cheaper in (b'"iterations":2', b'"iterations":0', b'"iterations":9'):
        with pytest.raises(Unsealable):
            unseal(MAGIC, "a", sealed.replace(b'"iterations":1', cheaper), key)
    absurd = Header(1, "a", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAA", 1, 10**9, 1)
    with pytest.raises(Unsealable, match="absurd"):
        key(absurd)
    with pytest.raises(Unsealable):
        key(Header(1, "a", "AAAA", "AAAA", 1, 8, 16))


def test_another_key_another_purpose_another_name() -> None:
    sealed = seal(MAGIC, "a", b"x", KEY)
    for key in (derived_key(Secret("other"), "tests"), derived_key(Secret("a random secret"), "t")):
        with pytest.raises(Unsealable, match="another key"):
            unseal(MAGIC, "a", sealed, key)
    with pytest.raises(Unsealable, match="named"):
        unseal(MAGIC, "b", sealed, KEY)


def test_a_newer_version_says_so() -> None:
    sealed = seal(MAGIC, "a", b"x", KEY).replace(b'"version":1', b'"version":2')
    with pytest.raises(Unsealable, match="version 2"):
        unseal(MAGIC, "a", sealed, KEY)


@given(st.binary(max_size=200))
def test_anything_at_all(data: bytes) -> None:
    with pytest.raises(Unsealable):
        unseal(MAGIC, "a", MAGIC + data, KEY)


def test_the_same_content_never_looks_the_same() -> None:
    assert seal(MAGIC, "a", b"x", KEY)[-17:] != seal(MAGIC, "a", b"x", KEY)[-17:]


def test_without_the_extra_it_says_how_to_get_it() -> None:
    require_cryptography("This")
    script = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"
        "from topstepx.store.sealing import require_cryptography\n"
        "require_cryptography('The encrypted key file')\n"
    )
    done = subprocess.run(  # noqa: S603  this interpreter on our own package
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert ExtraMissing.__name__ in done.stderr
    assert 'pip install "topstepx[keychain]"' in done.stderr
