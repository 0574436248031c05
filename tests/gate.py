"""What no code of ours may do, as far as ruff's rules do not see it; run by ``python -m tests.gate``.

Ruff (rules S, those of bandit) finds eval, exec, unpickling, yaml.load, shells and mark_safe. This finds modules for
such things as soon as they are imported, imports by name, HTML that escapes nothing, and rules that are silenced
without a reason.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
GUARDED = ("jobqueue", "demo_site", "benchmarks", "dev.py", "manage.py")

#: Modules that import by name at run time, each with its reason.
BY_NAME: dict[str, str] = {
    "jobqueue/stores/__init__.py": "a store needs the models, and callers import this package before those are ready",
    "jobqueue/conf.py": "settings name a callable by its path",
    "jobqueue/rules.py": "settings name callables by their paths",
    "jobqueue/middleware.py": "settings name middleware by its path",
    "jobqueue/options.py": "a declaration names its backoff by its path",
    "jobqueue/handlers/resolve.py": "a signed handler names its performable by its path",
    "benchmarks/__main__.py": "the command line names benchmarks out of a fixed list",
}

#: They make code, or objects of any class, out of bytes or text.
MODULES = {
    "pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle", "joblib", "yaml",
    "ruamel", "code", "codeop", "runpy",
}  # fmt: skip
IMPORTERS = {"import_module", "import_string", "__import__"}
MAKERS = {"eval", "exec", "compile"}
TRUST = {"mark_safe", "SafeString", "SafeText", "SafeData"}
WATCHED = IMPORTERS | TRUST | {"format_html"}

#: A comment that switches a rule off, the rules that it names, and a reason in brackets.
SILENCER = re.compile(
    r"#\s*(?:(?:ruff|flake8):\s*)?(?P<kind>noqa|nosec|nosemgrep)\b:?\s*"
    r"(?P<rules>(?:[A-Z]+\d+[,\s]*)*)(?P<reason>\(.{5,}\))?",
    re.IGNORECASE,
)


class Finding(NamedTuple):
    """One thing that must not be."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def main() -> int:
    """Print what is found; return the exit status."""
    found = [each for path in guarded_files() for each in findings(path, (ROOT / path).read_text())]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


def guarded_files() -> list[str]:
    """The files of ours that run elsewhere than in tests, relative to the checkout."""
    tops = [ROOT / name for name in GUARDED]
    files = [path for top in tops for path in ([top] if top.is_file() else sorted(top.rglob("*.py")))]
    return [str(path.relative_to(ROOT)) for path in files]


def findings(path: str, source: str) -> Iterator[Finding]:
    """What is wrong with the text of one file."""
    for node in ast.walk(ast.parse(source)):
        for what in _of_node(path, node):
            yield Finding(path, getattr(node, "lineno", 0), what)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and (silence := _of_comment(token.string)):
            yield Finding(path, token.start[0], silence)


def _of_node(path: str, node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (f"imports {each.name}" for each in names if each.name.split(".")[0] in MODULES)
        case ast.ImportFrom(module=str(module), names=names):
            if module.split(".")[0] in MODULES:
                yield f"imports {module}"
            yield from (
                f"calls {each.name} {each.asname}" for each in names if each.asname and each.name in WATCHED
            )
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in IMPORTERS and path not in BY_NAME:
            yield f"imports by name ({name}); say why in BY_NAME of tests/gate.py if it must"
        case ast.Name(id=name) if name in MAKERS:
            yield f"makes code of text ({name})"
        case ast.Call(func=called):
            yield from _of_call(node, ast.unparse(called).rpartition(".")[2])


def _of_call(call: ast.Call, name: str) -> Iterator[str]:
    is_literal = bool(call.args) and isinstance(call.args[0], ast.Constant)
    if name in TRUST and not is_literal:
        yield f"takes text for HTML ({name}); use format_html with arguments"
    if name == "format_html" and not (is_literal and len(call.args) + len(call.keywords) > 1):
        yield "format_html escapes only what fills the gaps of a literal"


def _of_comment(comment: str) -> str | None:
    found = SILENCER.search(comment)
    if found is None or (found["rules"] and found["reason"]):
        return None
    of_style = found["kind"].lower() == "noqa" and found["rules"] and not re.search(r"\bS\d", found["rules"])
    return None if of_style else f"silences rules without naming them and saying why: {comment}"


if __name__ == "__main__":
    sys.exit(main())
