"""Values of the formats that the document names: only such as the portal must take.

The rest is left to negative tests. The lengths at the edges of the schemas' bounds come up often, for the
coverage phase asks for exactly these.
"""

from __future__ import annotations

import string
from collections.abc import Mapping

import phonenumbers
import schemathesis
from hypothesis import strategies as st

_LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=10)
_LOCAL_PARTS = st.lists(st.text(string.ascii_letters + string.digits, min_size=1, max_size=8), min_size=1, max_size=3)
_WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
_LONGEST_LABEL = 50


def register(client_id: str, text_length: int) -> None:
    """Make the formats known. ``client_id``: an app of the portal; ``text_length``: that of its own text field."""
    for name, strategy in _strategies(client_id, text_length).items():
        schemathesis.openapi.format(name, strategy)


def _strategies(client_id: str, text_length: int) -> Mapping[str, st.SearchStrategy[str]]:
    mobiles = st.one_of(
        st.integers(0, 9_999_999).map("+90555{:07}".format),
        st.integers(0, 9_999_999).map("+90 (532) {:07}".format),
        st.integers(0, 999_999).map("+447400{:06}".format),
    )
    codes = st.one_of(st.integers(0, 9_999).map("{:04}".format), st.sampled_from(["12 34", "1-2-3-4", "１２٣٤"]))
    return {
        "email": st.builds(_email, _LOCAL_PARTS, st.sampled_from(".+-_"), _LABELS, _around(254)),
        "phone": st.builds(str.ljust, mobiles, _around(64)),
        "region": st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
        "client-id": st.one_of(st.just(client_id), st.builds(_stretched, _LABELS, _around(1_024))),
        "code": st.builds(str.ljust, codes, _around(64)),
        "name": st.builds(_stretched, _WORDS, _around(1, 100)),
        "line": st.builds(_stretched, _WORDS, _around(1, text_length)),
        "web-address": st.builds(_stretched, _LABELS.map("https://{}.example/".format), _around(300)),
    }


def _around(*bounds: int) -> st.SearchStrategy[int]:
    """Lengths at these bounds; half of the time 0, which is whatever length comes."""
    edges = sorted({length for bound in bounds for length in (bound - 1, bound, bound + 1)})
    return st.sampled_from([*[0] * len(edges), *edges])


def _stretched(text: str, length: int) -> str:
    """The text, brought to a length unless that is 0."""
    return text.ljust(length, "x")[: length or None]


def _email(parts: list[str], joint: str, label: str, length: int) -> str:
    """An address. Its domain carries the length: a local part has 64 characters at most, a label 63."""
    address = f"{joint.join(parts)}@{label}.example"
    missing = length - len(address)
    labels = []
    while missing > 1:
        size = min(missing - 1, _LONGEST_LABEL)
        size -= missing - size - 1 == 1  # a label and its dot are two characters at least
        labels.append("x" * size)
        missing -= size + 1
    return f"{joint.join(parts)}@{'.'.join([*labels, label])}.example"
