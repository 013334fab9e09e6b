"""Hands letters and texts to the first relay or gateway that accepts them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import structlog
from prometheus_client import REGISTRY, Counter

from auth_portal.delivery.handover import RELAY_BUDGET_S, SEND_BUDGET_S, Handover, HandoverRefused
from auth_portal.delivery.message import Message
from auth_portal.delivery.texts import TextMessage
from auth_portal.errors import DeliveryFailed
from auth_portal.signin.leaving import LeavingLetter
from auth_portal.signin.notices import AddressLetter, NoticeLetter
from auth_portal.signin.otp import CodeLetter

log = structlog.get_logger("delivery")

_HANDOVERS = Counter(
    "auth_portal_handovers",
    "Letters and texts handed over, by the place of the relay or gateway in its setting.",
    ["channel", "place", "outcome"],
    registry=REGISTRY,
)
_SMS_PARTS = Counter(
    "auth_portal_sms_parts", "Text messages that are paid for, by the gateway's place.", ["place"], registry=REGISTRY
)

Written = TypeVar("Written")
Finished = TypeVar("Finished", covariant=True)


class Writer(Protocol[Finished]):
    """Who writes the letters of a channel."""

    def code(self, letter: CodeLetter) -> Finished:
        """The code that somebody asked for."""

    def no_account(self, letter: CodeLetter) -> Finished:
        """That sign-up is closed; never has the code."""

    def new_sign_in(self, notice: NoticeLetter) -> Finished:
        """A sign-in on a device that was not known."""

    def wrong_codes(self, notice: NoticeLetter) -> Finished:
        """Wrong codes that were tried."""

    def address_news(self, letter: AddressLetter) -> Finished:
        """A change of addresses or numbers."""

    def account_deleted(self, letter: LeavingLetter) -> Finished:
        """A deletion, and how to take it back."""


class MailWriter(Writer[Message], Protocol):
    """Who writes letters: there is one more than there are texts."""

    def welcome(self, letter: NoticeLetter) -> Message:
        """That an account is there."""


class Channel(Generic[Written]):
    """Tries the relays or gateways of a channel in order, within one budget of time."""

    name: ClassVar[str]
    relay: ClassVar[str]
    """What one of them is called in the log."""

    def __init__(self, writer: Writer[Written], relays: Sequence[Handover[Written]]) -> None:
        self.writer = writer
        self._relays = relays

    def hand_over(self, message: Written) -> None:
        """Return once one of them accepted it. Raises DeliveryFailed."""
        end, may_have_left = time.monotonic() + SEND_BUDGET_S, False
        for place, relay in enumerate(self._relays, start=1):
            left = len(self._relays) - place + 1
            now = time.monotonic()
            share = min(RELAY_BUDGET_S, (end - now) / left)
            try:
                relay.hand_over(message, now + share)
            except HandoverRefused as refusal:
                may_have_left |= refusal.may_have_left
                _HANDOVERS.labels(self.name, place, "refused").inc()
                log.warning(f"{self.relay}_refused", **{self.relay: place, "reason": str(refusal)})
            else:
                _HANDOVERS.labels(self.name, place, "accepted").inc()
                self._note(message, place)
                return
        raise DeliveryFailed(channel=self.name, may_have_left=may_have_left)

    def _note(self, message: Written, place: int) -> None:
        """Note what a handover costs."""


class MailChannel(Channel[Message]):
    """Mail, by SMTP relays."""

    name = "email"
    relay = "relay"

    def __init__(self, writer: MailWriter, relays: Sequence[Handover[Message]]) -> None:
        super().__init__(writer, relays)
        self._letters = writer

    def welcome(self, letter: NoticeLetter) -> None:
        """Hand over the letter that welcomes somebody. Raises DeliveryFailed."""
        self.hand_over(self._letters.welcome(letter))


class SmsChannel(Channel[TextMessage]):
    """Text messages, by gateways."""

    name = "sms"
    relay = "gateway"

    def _note(self, message: TextMessage, place: int) -> None:
        _SMS_PARTS.labels(place).inc(message.parts)


class LetterDeliverer:
    """Sends each letter on its destination's channel; a channel that is not there accepts nothing."""

    def __init__(self, *channels: Channel[Any]) -> None:
        self._channels = {channel.name: channel for channel in channels}

    def send_code(self, letter: CodeLetter) -> None:
        """Hand over a code. Raises DeliveryFailed."""
        channel = self._channel_of(letter)
        channel.hand_over(channel.writer.code(letter))

    def send_no_account(self, letter: CodeLetter) -> None:
        """Tell a stranger that sign-up is closed. Raises DeliveryFailed."""
        channel = self._channel_of(letter)
        channel.hand_over(channel.writer.no_account(letter))

    def send_new_sign_in(self, notice: NoticeLetter) -> None:
        """Tell of a sign-in on a device that was not known. Raises DeliveryFailed."""
        channel = self._channel_of(notice)
        channel.hand_over(channel.writer.new_sign_in(notice))

    def send_welcome(self, letter: NoticeLetter) -> None:
        """Tell who has registered that the account is there; by mail only. Raises DeliveryFailed."""
        channel = self._channel_of(letter)
        if not isinstance(channel, MailChannel):
            raise DeliveryFailed(channel=channel.name)
        channel.welcome(letter)

    def send_wrong_codes(self, notice: NoticeLetter) -> None:
        """Tell of wrong codes that were tried. Raises DeliveryFailed."""
        channel = self._channel_of(notice)
        channel.hand_over(channel.writer.wrong_codes(notice))

    def send_address_news(self, letter: AddressLetter) -> None:
        """Tell of a change of addresses or numbers. Raises DeliveryFailed."""
        channel = self._channel_of(letter)
        channel.hand_over(channel.writer.address_news(letter))

    def send_account_deleted(self, letter: LeavingLetter) -> None:
        """Tell of a deletion. Raises DeliveryFailed."""
        channel = self._channel_of(letter)
        channel.hand_over(channel.writer.account_deleted(letter))

    def _channel_of(self, letter: CodeLetter | NoticeLetter | AddressLetter | LeavingLetter) -> Channel[Any]:
        wanted = letter.destination.channel
        if wanted not in self._channels:
            raise DeliveryFailed(channel=wanted)
        return self._channels[wanted]
