"""The command of the notifier service."""

from common.cli import command
from notifier.settings import Settings

main = command("notifier", Settings)

if __name__ == "__main__":
    main()
