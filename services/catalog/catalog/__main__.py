"""The command of the catalog service."""

from common.cli import command
from catalog.app import build
from catalog.settings import Settings

main = command("catalog", Settings, build)

if __name__ == "__main__":
    main()
