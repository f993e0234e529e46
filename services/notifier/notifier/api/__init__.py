"""The HTTP API of notifier."""

from notifier.api import activity, problems

ROUTES = [*problems.ROUTES, *activity.ROUTES]
