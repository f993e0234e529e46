"""The command line of the catalog service."""

from catalog.settings import Settings
from common.cli import command

main = command("catalog", Settings)

if __name__ == "__main__":
    main()
