"""What is tampered with: an audit log with a sealed history that holds."""

from __future__ import annotations

import pytest
import time_machine
from flask import Flask

from tests.auditing import AuditLog, with_history


@pytest.fixture
def log(clock: time_machine.Traveller, app: Flask) -> AuditLog:
    """A history that holds."""
    found = with_history(AuditLog(app, clock))
    assert found.fault() is None
    return found
