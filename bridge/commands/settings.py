"""List the settings: name, value now, default, and what each one means."""

import argparse

from bridge.settings import Settings, read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--markdown", action="store_true", help="as the table of the README")


async def run(args: argparse.Namespace) -> int:
    print(table() if args.markdown else _listing(read_settings()))
    return 0


def table() -> str:
    """The README's table of settings."""
    rows = [
        f"| `{name.upper()}` | {_shown(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| setting | default | meaning |", "| --- | --- | --- |", *rows])


def _listing(settings: Settings) -> str:
    return "\n".join(
        f"{name.upper()} = {_shown(getattr(settings, name))}\n    {field.description}"
        for name, field in Settings.model_fields.items()
    )


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(one) for one in value) or "(not set)"
    if value is None or value == "":
        return "(not set)"
    return str(value).lower() if isinstance(value, bool) else str(value)
