"""The command line: thin. Everything heavy is imported inside the command that needs it."""


def main() -> None:
    """Entry point."""
    from radfuse.cli.app import main as start

    start()
