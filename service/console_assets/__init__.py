"""What the console serves to the browser: its page, and GraphiQL as vendored, all from here.

`package.json` names what is vendored, `package-lock.json` pins it by digest; `__main__` makes
`vendor/` again from both.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

VENDORED = MappingProxyType(
    {
        "react.production.min.js": "react/umd/react.production.min.js",
        "react-dom.production.min.js": "react-dom/umd/react-dom.production.min.js",
        "graphiql.min.js": "graphiql/graphiql.min.js",
        "graphiql.min.css": "graphiql/graphiql.min.css",
    }
)
"""Each vendored file and where its npm package has it."""

_MEDIA = MappingProxyType(
    {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
)
_OWN = frozenset({"console.js", "console.css"})


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent."""

    media: str
    content: bytes


def asset(name: str) -> Asset | None:
    """The asset of that name; None for anything else, paths included."""
    folder = resources.files(__name__)
    if name in VENDORED:
        folder = folder / "vendor"
    elif name not in _OWN:
        return None
    return Asset(_MEDIA[name.rpartition(".")[2]], folder.joinpath(name).read_bytes())


def page() -> str:
    """The console's page, with places for what is filled in."""
    return resources.files(__name__).joinpath("console.html").read_text(encoding="utf-8")
