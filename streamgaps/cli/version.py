"""What `--version` says."""

from __future__ import annotations

import click

from streamgaps import __version__

__all__ = ["version_option"]


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 -- click's way
    if wanted and not context.resilient_parsing:
        # A run has no use for these, and they take 30 ms.
        import platform  # noqa: PLC0415
        from importlib.metadata import version  # noqa: PLC0415

        from streamgaps.decoding.events import BACKEND  # noqa: PLC0415

        libraries = ", ".join(f"{name} {version(name)}" for name in ("msgspec", "orjson", "structlog"))
        click.echo(
            f"streamgaps {__version__} (Python {platform.python_version()}, "
            f"ijson {version('ijson')} with back end {BACKEND}, {libraries})"
        )
        context.exit()


version_option = click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show versions."
)
