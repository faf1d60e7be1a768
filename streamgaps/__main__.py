"""`python -m streamgaps` is the command `streamgaps`."""

import sys

from streamgaps.cli.streamgaps import main

if __name__ == "__main__":
    sys.exit(main())
