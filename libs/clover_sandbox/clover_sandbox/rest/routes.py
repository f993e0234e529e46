"""The tree of paths below /v3/merchants/{mId}, with their methods and handlers."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from clover_sandbox.call import Handler

METHODS = ("GET", "POST", "PUT", "DELETE")
# The key of an id segment in the tree. It is unique because no segment of a path is empty.
ANY = ""


@dataclass(frozen=True)
class Route:
    """A route. `path` is relative to the merchant; the token needs `permission`."""

    method: str
    path: str
    handler: Handler
    permission: str


@dataclass
class Node:
    """One segment in the tree of paths. `known` means that the path exists, even if it allows no method."""

    below: dict[str, "Node"] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    known: bool = False

    def allow(self) -> str:
        """Return the `Allow` header of a 405. OPTIONS is always last (recorded)."""
        return ", ".join([*(method for method in METHODS if method in self.routes), "OPTIONS"])


class Router:
    """Finds the node of a path in one step per segment."""

    def __init__(self, routes: Iterable[Route], known: Iterable[str] = ()) -> None:
        self._root = Node()
        for route in routes:
            self._node(route.path).routes[route.method] = route
        for path in known:
            self._node(path).known = True

    def find(self, segments: list[str]) -> tuple[Node, list[str]] | None:
        """Return the node and the ids in the path, or None for an unknown path."""
        node, ids = self._root, []
        for segment in segments:
            if segment not in node.below:
                ids.append(segment)
            following = node.below.get(segment) or node.below.get(ANY)
            if following is None:
                return None
            node = following
        return (node, ids) if node.routes or node.known else None

    def _node(self, path: str) -> Node:
        node = self._root
        for segment in path.split("/") if path else []:
            node = node.below.setdefault(ANY if segment.startswith("{") else segment, Node())
        node.known = True
        return node


def id_names(path: str) -> list[str]:
    """Return the names of a path's ids in order."""
    return [segment[1:-1] for segment in path.split("/") if segment.startswith("{")]
