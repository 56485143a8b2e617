"""`jaxnst train-decoder` from a checkout, installed or not."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from jaxnst.cli import main

    sys.exit(main(["train-decoder", *sys.argv[1:]]))
