"""Admission: the one object that holds every budget of the process.

| budget | counts | a client over its share, or all full |
|---|---|---|
| `requests`, `reading` | requests that send something; those that only read | is refused |
| `body_bytes` | bytes of request bodies in memory | is refused |
| `sessions` | open streams | is refused |
| `pictures` | pictures in work: decoding, in the networks, or waiting for it | waits its turn, then is refused |
| `decoders` | threads that decode; a turn costs the time that it took | waits its turn |
| `long_work` | the same, for rare and large pictures | waits its turn |
| `pixels` | memory of decoding and decoded pictures | waits its turn, but not to its deadline |

`turns` shares the event loop: it parses one slice of each client in a turn, however many connections a client has.

What counts single things has about a seventh more than its setting says: a client alone gets all that the setting
promises, as one that speaks for many behind a proxy, and the rest is for clients that come meanwhile. What counts
memory keeps to its setting, but the largest request always fits.
"""

from collections.abc import Callable

from app.serving.budget import Budget
from app.serving.shares import with_reserve
from app.serving.turns import Turns

LOCAL = "local"
"""The client where there is none to tell apart, as in a program that uses the engine by itself."""


class Admission:
    """Every budget, each shared by all clients.

    Args:
        pictures: Most pictures of one client in work.
        at_once: Most of these that are decoded or in the networks; the others wait their turn, as payloads.
        decoders: Threads that decode.
        pixels: Most memory of decoding and decoded pictures, in pixels of 3 bytes.
        long_work: Threads for rare and large pictures.
        busy: As in `Turns`.
    """

    def __init__(
        self,
        pictures: int,
        at_once: int,
        decoders: int,
        pixels: int,
        long_work: int = 1,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self.pictures = Budget(
            with_reserve(min(pictures, at_once)),
            "Too many pictures are being worked on already; try again shortly.",
            queue=with_reserve(pictures),
        )
        # A thread that is kept free for nobody would be a loss, and turns are short: one client may have them all.
        self.decoders = Budget(decoders, "All decoders are busy; try again shortly.", share=decoders)
        self.long_work = Budget(long_work, "Large pictures are being worked on; try again shortly.", share=long_work)
        self.pixels = Budget(pixels, "The memory for decoded pictures is full; try again shortly.")
        self.turns = Turns(busy)
        self.bound_network()

    def bound_network(self, requests: int = 512, body_bytes: int = 300_000_000, sessions: int = 60) -> None:
        """Set the budgets of what comes over the network, before any of it comes.

        Args:
            requests: Most of one client that send something, and as many that only read.
            body_bytes: Most bytes of all bodies.
            sessions: Most streams of one client.
        """
        full = "Too many requests are being answered already; try again shortly."
        self.requests, self.reading = (Budget(with_reserve(requests), full) for _ in range(2))
        self.body_bytes = Budget(body_bytes, "The memory for uploads is full; try again shortly.")
        self.sessions = Budget(with_reserve(sessions), "All streams are taken; try again later.")

    @property
    def budgets(self) -> dict[str, Budget]:
        """All, by name."""
        names = ("requests", "reading", "body_bytes", "sessions", "pictures", "decoders", "long_work", "pixels")
        return {name: getattr(self, name) for name in names}

    @property
    def pictures_in_work(self) -> int:
        """Pictures that are being decoded, in the networks, or waiting for it."""
        return self.pictures.held + self.pictures.waiting

    def close(self) -> None:
        """Turn away all who wait for work on a picture, or come for it."""
        for budget in (self.pictures, self.decoders, self.long_work, self.pixels):
            budget.close()
