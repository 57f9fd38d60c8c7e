"""``python -m bench``: run all measurements."""

from bench.inspect_10k import main

if __name__ == "__main__":
    main()
