"""Who takes part. Each is a script of its own, `NAME.py DATA OUT`, as its users would write it.

It reads DATA (an indented or compact array, or JSON Lines in a file that ends in `.jsonl`), keeps the rows whose
response and ground truth each have exactly one of the words yes and no and differ, and writes them to OUT as JSON
Lines. Exit status 4 says that it cannot read this kind of file, and standard error says why.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

__all__ = ["CANNOT", "CONTENDERS", "Contender"]

CANNOT = 4
_FOLDER = Path(__file__).parent


class Contender(NamedTuple):
    """One way to do the job.

    `role` is `ours`, `peer` (what ratios are taken to) or `limit` (which does only a part of the job).
    """

    name: str
    script: Path
    role: str
    module: str = ""
    program: str = ""
    options: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        """Tell whether what it needs is there."""
        has_module = not self.module or find_spec(self.module) is not None
        return has_module and (not self.program or shutil.which(self.program) is not None)


def _of(name: str, script: str, role: str, *options: str, module: str = "", program: str = "") -> None:
    CONTENDERS[name] = Contender(name, _FOLDER / f"{script}.py", role, module, program, options)


CONTENDERS: dict[str, Contender] = {}
_of("streamgaps", "streamgaps_command", "ours", module="streamgaps")
_of("streamgaps-1", "streamgaps_command", "ours", "--jobs", "1", module="streamgaps")
_of("streamgaps-ijson", "streamgaps_command", "ours", "--jobs", "1", "--reader", "ijson", module="streamgaps")
_of("chdb", "chdb_sql", "peer", module="chdb")
_of("duckdb", "duckdb_sql", "peer", module="duckdb")
_of("polars", "polars_lazy", "peer", module="polars")
_of("orjson", "orjson_whole", "peer", module="orjson")
_of("ijson", "ijson_items", "peer", module="ijson")
_of("tao", "tao_way", "peer")
_of("gojq", "jq_filter", "peer", "gojq", program="gojq")
_of("jq", "jq_filter", "peer", "jq", program="jq")
_of("bare-orjson", "bare_orjson", "limit", module="orjson")
_of("cat", "cat_file", "limit", program="cat")
