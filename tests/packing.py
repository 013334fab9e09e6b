"""The TypeScript client as its package has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.support.typescript import TypeScriptUnavailable, build_package


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built package."""
    try:
        return build_package(tmp_path_factory.mktemp("typescript"))
    except TypeScriptUnavailable as error:
        unavailable(str(error))
        raise
