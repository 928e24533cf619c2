"""Frames, as they come in pieces and from those who mean no good."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from enfyra_kernel.scripts.channel import (
    Cancel,
    ChannelError,
    Done,
    Frames,
    FromHost,
    FromWorker,
    Next,
    Rpc,
    frame,
)  # fmt: skip
from hypothesis import given
from hypothesis import strategies as st

MESSAGES = [Cancel(1), Cancel(2), Cancel(3)]


@given(st.lists(st.integers(1, 7), min_size=1, max_size=40))
def test_messages_come_out_whole_however_they_are_cut(sizes: list[int]) -> None:
    frames = Frames(FromHost, 100)
    data = b"".join(map(frame, MESSAGES))
    got = []
    for size in [*sizes, len(data)]:
        got += frames.feed(data[:size])
        data = data[size:]
    assert got == MESSAGES


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    with suppress(ChannelError):
        Frames(FromWorker, 100).feed(data)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x92\xa4done\x01",
        b"\x91" * 10_000,
        b"\x92\xa6cancel\x07",
        b"\x93\xa3rpc\x01",
    ],
)
def test_what_means_nothing_is_refused(payload: bytes) -> None:
    with pytest.raises(ChannelError):
        Frames(FromWorker, 100_000).feed(struct.pack(">I", len(payload)) + payload)


def test_a_frame_that_is_too_long_is_refused_before_it_has_come() -> None:
    frames = Frames(FromWorker, 100)
    with pytest.raises(ChannelError, match="a frame of 101 bytes"):
        frames.feed(struct.pack(">I", 101))
    frames = Frames(FromWorker, 100)
    assert frames.feed(b"\xff") == []
    with pytest.raises(ChannelError):
        frames.feed(b"\xff\xff\xff")


def test_what_workers_say_keeps_its_values() -> None:
    said = [
        Rpc(1, 2, "repos.find", b"[]"),
        Next(1, 1, None, -1),
        Done(1, {"body": b"{}"}, b"1", None, -1, [], False),
    ]
    assert Frames(FromWorker, 1000).feed(b"".join(map(frame, said))) == said
