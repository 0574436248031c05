"""The catalogues of translations: brings them up to date with the code, and compiles them.

Run by ``python3 dev.py messages``. New texts are then empty in each ``django.po``, and the tests say so until somebody
has translated them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

PACKAGE = Path(__file__).resolve().parents[1] / "jobqueue"
#: Lines of the head that would differ each time, or say nothing.
DATES = re.compile(r'^"(POT-Creation-Date|Report-Msgid-Bugs-To).*\n', re.MULTILINE)
#: Beside English, in which the code speaks.
LANGUAGES = ("de", "es", "fr", "ja", "pt_BR")


def path_of(language: str, package: Path = PACKAGE) -> Path:
    """Where the translations to a language stand."""
    return package / "locale" / language / "LC_MESSAGES" / "django.po"


def read(path: Path) -> Catalog:
    """Read a catalogue."""
    with path.open("rb") as stream:
        return read_po(stream)


def messages(catalogue: Catalog) -> Iterator[Message]:
    """Yield the texts of a catalogue, without its head."""
    return (each for each in catalogue if each.id)


def collect(package: Path, *languages: str) -> None:
    """Have Django look for texts, and write them into catalogues."""
    (package / "locale").mkdir(exist_ok=True)
    chosen = [word for language in languages for word in ("--locale", language)]
    form = ["--no-location", "--no-wrap", "--no-obsolete", "--verbosity", "0"]
    command = [sys.executable, "-m", "django", "makemessages", *chosen, *form]
    subprocess.run(command, cwd=package, check=True, capture_output=True, timeout=120)


def collected(folder: Path) -> Catalog:
    """Return all texts of the package, as they are found now."""
    package = folder / "jobqueue"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "locale"))
    collect(package, "eo")
    return read(path_of("eo", package))


def main() -> None:
    """Bring all catalogues up to date, and say what is to be translated."""
    if not shutil.which("xgettext"):
        sys.exit("This takes gettext: apt-get install gettext")
    collect(PACKAGE, *LANGUAGES)
    for language in LANGUAGES:
        path = path_of(language)
        path.write_text(DATES.sub("", path.read_text()))
        subprocess.run(["msgfmt", "--check-format", "-o", path.with_suffix(".mo"), path], check=True)
        left = sum(1 for each in messages(read(path)) if each.fuzzy or not all(texts(each)))
        print(
            f"{language}: {f'{left} to be translated, in {path.relative_to(PACKAGE.parent)}' if left else 'whole'}"
        )


def texts(message: Message) -> tuple[str, ...]:
    """The translation of a text, for each number where it has several."""
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or [""])


if __name__ == "__main__":
    main()
