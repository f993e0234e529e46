"""The command of the inventory service."""

from common.cli import command
from inventory.app import build
from inventory.settings import Settings

main = command("inventory", Settings, build)

if __name__ == "__main__":
    main()
