from __future__ import annotations

import pickle
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streamgaps import GateError, MalformedInputError, RecordError, SkipReason, Tally, exceptions
from streamgaps.exceptions import StreamgapsError

COUNTS = st.integers(min_value=0, max_value=9)
REASONS = st.builds(SkipReason, st.sampled_from(["response", "gt"]), st.sampled_from(["neither", "both"]))
TALLIES = st.builds(Tally, COUNTS, COUNTS, COUNTS, COUNTS, st.lists(REASONS).map(Counter))


@given(TALLIES, TALLIES)
def test_tallies_add_up(one: Tally, other: Tally) -> None:
    """Parts of an input, counted apart, come to the whole."""
    both = one + other
    assert one.records + other.records == both.records
    assert one.gaps + other.gaps == both.gaps
    assert both == other + one
    assert one == one + Tally()


def test_errors_are_built_in_errors_too() -> None:
    """So that callers need not know ours; each is in the tree that its module draws."""
    parents = {
        "InputError": ValueError,
        "ConfigurationError": ValueError,
        "SourceError": OSError,
        "OutputError": OSError,
    }
    for name in sorted({*exceptions.__all__} - {"as_output_error", "reason"}):
        error = getattr(exceptions, name)
        assert issubclass(error, StreamgapsError)
        assert f"{name}" in (exceptions.__doc__ or "")
    for name, parent in parents.items():
        assert issubclass(getattr(exceptions, name), parent)
    assert issubclass(exceptions.SourceNotFoundError, FileNotFoundError)


def test_errors_survive_the_way_between_processes() -> None:
    """With all they know."""
    error = MalformedInputError("bad", offset=7, items=3)
    error.source = "p.json"
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own
    assert ("p.json: bad", 7, 3) == (str(again), again.offset, again.items)
    record = pickle.loads(pickle.dumps(RecordError("bad", index=2, field="gt")))  # noqa: S301
    assert (2, "gt") == (record.index, record.field)
    gate = pickle.loads(pickle.dumps(GateError("too many", Tally(3))))  # noqa: S301
    assert ("too many", Tally(3)) == (str(gate), gate.tally)
    for name in sorted({*exceptions.__all__} - {"as_output_error", "reason", "GateError", "RecordError"}):
        error = getattr(exceptions, name)("why")
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert (type(error), "why") == (type(again), str(again))
