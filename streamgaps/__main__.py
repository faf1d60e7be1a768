"""`python -m streamgaps` is the command `streamgaps`."""

import sys

from streamgaps.cli.start import streamgaps

if __name__ == "__main__":
    sys.exit(streamgaps())
