"""The command of the orders service."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from common.cli import command
from orders.domain.carts import MalformedCart, carts
from orders.domain.totals import compute
from orders.settings import Settings

main = command("orders", Settings)


@main.command(help="Print the totals that Clover computes for the carts in FILE, as JSON.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def totals(file: Path) -> None:
    try:
        shown = [{"name": cart.name, "computed": asdict(compute(cart))} for cart in carts(file.read_bytes())]
    except MalformedCart as error:
        raise click.UsageError(str(error)) from None
    click.echo(json.dumps(shown, indent=1))


if __name__ == "__main__":
    main()
