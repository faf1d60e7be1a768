"""Who takes what inputs come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamgaps.parallel.units import Part
    from streamgaps.sources.inputs import Input

__all__ = ["Taker"]


class Taker(Protocol):
    """Takes what inputs come to, in their order."""

    def begin(self, name: str) -> None:
        """Begin to take an input."""

    def take(self, name: str, part: Part) -> None:
        """Take a part of an input."""

    def read_here(self, one: Input) -> None:
        """Read an input that no worker can."""

    def read_rest(self, name: str, blocks: Iterator[bytes], *, behind: int, index: int) -> None:
        """Read on behind an array in a JSON document; arguments as for `read`."""

    def show_progress(self) -> None:
        """Show how far the run is."""
