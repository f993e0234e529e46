"""The command of the orders service."""

from common.cli import command
from orders.app import build
from orders.settings import Settings

main = command("orders", Settings, build)

if __name__ == "__main__":
    main()
