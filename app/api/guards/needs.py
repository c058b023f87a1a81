"""What each route asks of a request before it is answered, said at the route; what says nothing asks for all."""

from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import Any, TypeVar

from starlette.routing import BaseRoute, Route, WebSocketRoute

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_ATTRIBUTE = "needs_of_mien"
_REST_OF_PATH = "/{path:path}"


@dataclass(frozen=True)
class Needs:
    """What the guards ask of the requests to a route.

    Attributes:
        key: A valid API key, where the operator has set any.
        rate: That its client has not used up its rate; without it a request is not counted either.
        place: A free place among the requests that are answered at once. Routes without it are those that machines
            ask every few seconds: a full server answers them, too, and they are logged at debug level only.
    """

    key: bool = True
    rate: bool = True
    place: bool = True

    def __or__(self, other: "Needs") -> "Needs":
        """Return what is needed by either."""
        return Needs(*(mine or its for mine, its in zip(astuple(self), astuple(other), strict=True)))


def needs(*, key: bool = True, rate: bool = True, place: bool = True) -> Callable[[Endpoint], Endpoint]:
    """Declare what an endpoint needs less than everything; see `Needs`."""

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _ATTRIBUTE, Needs(key, rate, place))
        return endpoint

    return declare


@dataclass(frozen=True)
class KnownRoute:
    """A route as the guards see it.

    Attributes:
        label: Its path for logs and metrics; routes below a folder share the folder's.
        needs: What it asks for.
    """

    label: str
    needs: Needs = Needs()


UNKNOWN = KnownRoute("unmatched")


class RouteTable:
    """The routes of an application by their paths.

    It is made once. A path that it does not know, such as that of a route added later, needs everything. Where
    several routes share a path, it needs what any of them needs.

    Args:
        routes: Those of the application; others than `Route` and `WebSocketRoute` are passed over.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        known = [each for each in routes if isinstance(each, (Route, WebSocketRoute))]
        self._exact: dict[str, KnownRoute] = {}
        for each in known:
            route = KnownRoute(each.path.removesuffix(_REST_OF_PATH), getattr(each.endpoint, _ATTRIBUTE, Needs()))
            before = self._exact.get(each.path)
            self._exact[each.path] = route if before is None else KnownRoute(route.label, route.needs | before.needs)
        patterns = {each.path: each.path_regex for each in known if each.param_convertors}
        self._patterns = [(pattern, self._exact.pop(path)) for path, pattern in patterns.items()]

    def __getitem__(self, path: str) -> KnownRoute:
        """Return the route of a request's path, or `UNKNOWN`."""
        found = self._exact.get(path)
        return found or next((route for pattern, route in self._patterns if pattern.match(path)), UNKNOWN)
