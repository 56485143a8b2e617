"""Standard streams that are closed when a command begins (`2>&-`)."""

import os
import sys


def replace_closed() -> None:
    """Put the null device in the place of standard streams that are closed.

    Otherwise Python prints on standard output what was for stderr, and the next file
    that is opened takes a closed stream's number, and what libraries print to it. What
    is for stderr is gone; standard input and output stay None in `sys`, which tells
    those who need them for a picture that they are closed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)
