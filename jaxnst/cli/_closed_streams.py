"""Standard streams that are closed when a command begins (`2>&-`)."""

import os
import sys

_MODES = {"stdin": os.O_RDONLY, "stdout": os.O_RDONLY, "stderr": os.O_RDWR}


def replace_closed() -> None:
    """Put the null device in the place of standard streams that are closed.

    Otherwise Python prints on standard output what was for stderr, and the next file
    that is opened takes a closed stream's number, and what libraries print to it. Of
    standard input nothing comes, and standard output refuses what is written to it, for
    a picture may be meant for it; what is for stderr is gone.
    """
    for number, (name, mode) in enumerate(_MODES.items()):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, mode)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            direction = "r" if name == "stdin" else "w"
            stream = open(number, direction, encoding="utf-8", closefd=False)
            setattr(sys, name, stream)
