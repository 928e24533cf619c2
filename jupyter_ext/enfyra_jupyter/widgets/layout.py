"""Where the boxes of a diagram stand: in columns, what is referred to left of what refers to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

ACROSS, BETWEEN = 110.0, 26.0
_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box stands; `x` and `y` are those of its left upper corner."""

    x: float
    y: float


def placed(
    sizes: Mapping[str, tuple[float, float]], edges: Collection[tuple[str, str]]
) -> dict[str, Place]:
    """Give each box its place; none lies on another.

    Args:
        sizes: How wide and high each box is.
        edges: Which box refers to which.

    Example:
        >>> places = placed({"post": (100, 50), "author": (100, 50)}, [("post", "author")])
        >>> places["author"].x < places["post"].x
        True
    """
    links = {(one, other) for one, other in edges if one != other}
    alone = [name for name in sizes if not any(name in link for link in links)]
    linked = [name for name in sizes if name not in set(alone)]
    columns = _folded(_ordered(_layers(linked, links), links), sizes)
    columns += _folded([alone], sizes) if alone else []
    places: dict[str, Place] = {}
    tallest = max((_height(one, sizes) for one in columns), default=0.0)
    x = 0.0
    for column in columns:
        y = (tallest - _height(column, sizes)) / 2
        for name in column:
            places[name] = Place(x, y)
            y += sizes[name][1] + BETWEEN
        x += max(sizes[name][0] for name in column) + ACROSS
    return places


def _height(column: Sequence[str], sizes: Mapping[str, tuple[float, float]]) -> float:
    return sum(sizes[name][1] + BETWEEN for name in column) - BETWEEN


def _layers(names: Sequence[str], links: Collection[tuple[str, str]]) -> list[list[str]]:
    """Put each one behind all that it refers to; a circle is cut where it is closed."""
    targets: defaultdict[str, list[str]] = defaultdict(list)
    for one, other in sorted(links):
        targets[one].append(other)
    depth: dict[str, int] = {}
    for start in names:
        # By hand, since chains of tables can be longer than the stack.
        path: list[str] = [start]
        while path:
            name = path[-1]
            open_ = [one for one in targets[name] if one not in depth and one not in path]
            if open_:
                path.append(open_[0])
                continue
            known = [depth[one] for one in targets[name] if one in depth]
            depth.setdefault(name, max(known, default=-1) + 1)
            path.pop()
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        layers[depth[name]].append(name)
    return layers


def _ordered(layers: list[list[str]], links: Collection[tuple[str, str]]) -> list[list[str]]:
    """Order each layer by where its neighbours stand, so that fewer lines cross."""
    near: defaultdict[str, list[str]] = defaultdict(list)
    for one, other in links:
        near[one].append(other)
        near[other].append(one)
    for sweep in range(_SWEEPS):
        rank = {
            name: (number + 0.5) / len(layer)
            for layer in layers
            for number, name in enumerate(layer)
        }
        for layer in layers if sweep % 2 else reversed(layers):
            middle = {
                name: sum(rank[one] for one in near[name]) / (len(near[name]) or 1)
                for name in layer
            }
            layer.sort(key=lambda name: (middle[name], name))
            rank |= {name: (number + 0.5) / len(layer) for number, name in enumerate(layer)}
    return layers


def _folded(
    layers: Sequence[list[str]], sizes: Mapping[str, tuple[float, float]]
) -> list[list[str]]:
    """Break layers that are much higher than the whole would be wide into several columns."""
    area = sum((width + ACROSS) * (height + BETWEEN) for width, height in sizes.values())
    most = max(sqrt(area), max((height for _, height in sizes.values()), default=0.0))
    columns: list[list[str]] = []
    for layer in layers:
        wanted = ceil(_height(layer, sizes) / most) or 1
        size = ceil(len(layer) / wanted)
        columns += [layer[start : start + size] for start in range(0, len(layer), size)]
    return columns
