"""The command of the inventory service."""

from common.cli import command
from inventory.settings import Settings

main = command("inventory", Settings)

if __name__ == "__main__":
    main()
