"""``manage.py asyncapi``: write the AsyncAPI document, or look whether it is up to date."""

import difflib
from itertools import islice
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chanx.asyncapi.document import make_site_document
from chanx.asyncapi.renderers import FORMATS
from chanx.description.endpoints import describe_site

_MAX_LINES: Final = 200
"""Of a difference; one that is longer says nothing to a reader."""


class Command(BaseCommand):
    """Prints the document, writes it to a file, or compares it with one."""

    help = "Write the AsyncAPI document of all consumers that ASGI_APPLICATION reaches."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--format",
            choices=sorted(FORMATS),
            help="default: what the file's name says, or else json",
        )
        target = parser.add_mutually_exclusive_group()
        target.add_argument("--output", metavar="FILE", help="write it there and print nothing")
        target.add_argument(
            "--check",
            metavar="FILE",
            help="change nothing; print the difference and exit with 1 if the file is out of date",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the document and do with it what is wanted."""
        file = options["output"] or options["check"]
        try:
            description = describe_site()
            render = FORMATS[options["format"] or _guess_format(file)]
            text = render(make_site_document(description))
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        for problem in description.problems:
            self.stderr.write(self.style.WARNING(problem))
        if options["check"]:
            chosen = f" --format {options['format']}" if options["format"] else ""
            advice = f"run manage.py asyncapi --output {file}{chosen}, and look at what has changed"
            self._check(Path(file), text, advice)
        elif options["output"]:
            try:
                Path(file).write_text(text, encoding="utf-8", newline="\n")
            except OSError as error:
                raise CommandError(f"{file} cannot be written: {error.strerror}") from error
        else:
            self.stdout.write(text, ending="")

    def _check(self, file: Path, text: str, advice: str) -> None:
        try:
            found = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no UTF-8"
            raise CommandError(f"{file} cannot be read ({reason}): {advice}") from error
        before, after = found.splitlines(), text.splitlines()
        if before == after:  # whatever the line ends, which version control may change
            self.stdout.write(f"{file} is up to date")
            return
        lines = difflib.unified_diff(before, after, str(file), "the code", lineterm="")
        for line in islice(lines, _MAX_LINES):
            self.stdout.write(line)
        if next(lines, None) is not None:
            self.stdout.write("... and more")
        raise CommandError(f"{file} is out of date: {advice}")


def _guess_format(file: str | None) -> str:
    suffix = Path(file).suffix.lower() if file else ".json"
    try:
        return {".json": "json", ".yaml": "yaml", ".yml": "yaml"}[suffix]
    except KeyError:
        raise CommandError(
            f"The name {file} does not say which format is wanted: add --format json or "
            "--format yaml"
        ) from None
