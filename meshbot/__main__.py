"""`python -m meshbot`."""

from meshbot.cli import main

if __name__ == "__main__":
    main()
