"""``python -m bench [NAME…]``: run the named measurements, or all."""

import sys
from importlib import import_module

_ALL = ("start", "backup_2k", "inspect_10k", "precheck_10k", "rehearse_10k", "prediction")


def _main() -> None:
    names = sys.argv[1:] or _ALL
    for name in names:
        if name not in _ALL:
            raise SystemExit(f"there is no measurement {name!r}: there are {', '.join(_ALL)}")
        import_module(f"bench.{name}").main()


if __name__ == "__main__":
    _main()
