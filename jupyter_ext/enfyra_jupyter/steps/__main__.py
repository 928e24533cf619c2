"""Runs one step: hears what it is, does it, says what it gave."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from . import notebook, python
from .calling import LazyClient
from .channel import Channel, end_on_signal
from .failures import Failed


def main() -> None:
    """Run the step that the server sends."""
    channel = Channel.open()
    end_on_signal()
    task = channel.hear()
    try:
        body = _done(task, channel)
    except Failed as failed:
        channel.say("error", message=str(failed), hint=failed.hint, details=failed.details)
        sys.exit(1)
    channel.send(b'{"say":"result","result":' + body + b"}")


def _done(task: Mapping[str, Any], channel: Channel) -> bytes:
    if task["kind"] == "notebook":
        result = notebook.run(task, channel)
    else:
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
        raise Failed(str(error)) from None


if __name__ == "__main__":
    main()
