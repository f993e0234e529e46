"""The command of the notifier service."""

from common.cli import command
from notifier.app import build
from notifier.settings import Settings

main = command("notifier", Settings, build)

if __name__ == "__main__":
    main()
