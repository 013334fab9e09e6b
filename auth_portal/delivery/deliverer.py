"""Hands letters to the first relay that accepts them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from auth_portal.delivery.letters import Letters
from auth_portal.delivery.message import Message
from auth_portal.delivery.relays import RELAY_BUDGET_S, SEND_BUDGET_S, Handover, RelayRefused
from auth_portal.errors import DeliveryFailed
from auth_portal.signin.leaving import LeavingLetter
from auth_portal.signin.notices import NoticeLetter
from auth_portal.signin.otp import CodeLetter

log = structlog.get_logger("delivery")


class MailDeliverer:
    """Tries the relays in order, within one budget of time."""

    def __init__(self, letters: Letters, relays: Sequence[Handover]) -> None:
        self._letters = letters
        self._relays = relays

    def send_code(self, letter: CodeLetter) -> None:
        """Hand over a code. Raises DeliveryFailed."""
        self._hand_over(self._letters.code(letter))

    def send_no_account(self, letter: CodeLetter) -> None:
        """Tell a stranger that sign-up is closed. Raises DeliveryFailed."""
        self._hand_over(self._letters.no_account(letter))

    def send_new_sign_in(self, notice: NoticeLetter) -> None:
        """Tell of a sign-in on a device that was not known. Raises DeliveryFailed."""
        self._hand_over(self._letters.new_sign_in(notice))

    def send_wrong_codes(self, notice: NoticeLetter) -> None:
        """Tell of wrong codes that were tried. Raises DeliveryFailed."""
        self._hand_over(self._letters.wrong_codes(notice))

    def send_account_deleted(self, letter: LeavingLetter) -> None:
        """Tell of a deletion. Raises DeliveryFailed."""
        self._hand_over(self._letters.account_deleted(letter))

    def _hand_over(self, message: Message) -> None:
        end = time.monotonic() + SEND_BUDGET_S
        for position, relay in enumerate(self._relays):
            left = len(self._relays) - position
            now = time.monotonic()
            share = min(RELAY_BUDGET_S, (end - now) / left)
            try:
                relay.hand_over(message, now + share)
            except RelayRefused as refusal:
                log.warning("relay_refused", relay=position + 1, reason=str(refusal))
            else:
                return
        raise DeliveryFailed(channel="email")
