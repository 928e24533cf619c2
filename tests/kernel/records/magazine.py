"""Authors, their posts and the posts' tags: what the tests of queries look at."""

from __future__ import annotations

from tests.api import Api

AUTHOR = {
    "type": "many-to-one",
    "propertyName": "author",
    "targetTable": "author",
    "inversePropertyName": "posts",
}
TAGS = {
    "type": "many-to-many",
    "propertyName": "tags",
    "targetTable": "tag",
    "inversePropertyName": "posts",
}
POSTS = [
    {"title": "Dawn", "status": "draft", "views": None, "price": "1.10", "author": 1},
    {"title": "Ebb", "status": "live", "views": 20, "price": "2.20", "author": 1, "tags": [1, 2]},
    {"title": "Fog", "status": "live", "views": 30, "price": None, "author": 1, "tags": [2]},
    {"title": "Gale", "status": "live", "views": 5, "price": "0.05", "author": 2, "tags": [1]},
    {"title": "Hail", "status": "draft", "views": 40, "price": "9.99"},
]


async def publish_magazine(api: Api) -> Api:
    """Three authors (Cy without posts), five posts (Hail without an author), three tags."""
    await api.define("tag", "label varchar!")
    await api.define("author", "name varchar!", "fame bigint")
    await api.define(
        "post",
        "title varchar!",
        "status varchar",
        "views int",
        "price decimal",
        relations=[AUTHOR, TAGS],
    )
    await api.create("/tag", [{"label": label} for label in ("sea", "sky", "sun")])
    authors = [("Ann", 2**62), ("Bob", 2**62), ("Cy", 2**62)]
    await api.create("/author", [{"name": name, "fame": fame} for name, fame in authors])
    for post in POSTS:
        await api.create("/post", post)
    return api
