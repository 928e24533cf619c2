"""Runs one step: hears what it is, does it, says what it gave."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from . import python
from .calling import LazyClient
from .channel import Channel, end_on_signal


def main() -> None:
    """Run the step that the server sends."""
    channel = Channel.open()
    end_on_signal()
    task = channel.hear()
    try:
        body = _done(task, channel)
    except python.Failed as failed:
        channel.say("error", message=str(failed))
        sys.exit(1)
    channel.send(b'{"say":"result","result":' + body + b"}")


def _done(task: Mapping[str, Any], channel: Channel) -> bytes:
    names = {
        "client": LazyClient(channel, task["url"]),
        "progress": python.reporter(channel.say, task["name"]),
    }
    result = python.run(task, names)
    # Late: most of its time is the import's.
    from .results import NoResult, encoded

    try:
        return encoded(result)
    except NoResult as error:
        raise python.Failed(str(error)) from None


if __name__ == "__main__":
    main()
