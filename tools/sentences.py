"""The English sentences that rooms other than `chat` write down for people, as templates such as `{arm} is gone`.

They are read from the source. Whatever reads like words counts, so that none is forgotten; what is no word to people
is left out by where it stands (docstrings, logs, bugs) or by the lists below.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from tools.place_names import Names

ROOMS = ("mesh", "bot", "workers", "store", "settings/reloading.py", "chat/directory.py", "chat/in_views.py")
"""What is wrong in the configuration file is told on the command line, which is English, as files and logs are."""
NOT_READ_BY_PEOPLE = frozenset({
    "bot/alertmanager.py", "bot/flagger.py", "bot/gate.py", "bot/hooks.py", "bot/serving.py", "bot/web.py",
    "bot/websocket.py", "bot/wiring.py", "store/address.py",  # answers to other systems, and a start that failed
    "bot/readiness.py",  # probes
    "bot/replies.py",  # keys and logs
    "mesh/domain/templates.py", "mesh/domain/audit.py",  # told by `meshbot config check`, `meshbot audit verify`
    "mesh/domain/reasons.py",  # for commits
    "workers/git/messages.py", "workers/git/lines.py", "workers/git/rights.py",  # commits, git's commands, the doctor's
    "store/digest_scripts.py", "store/memory.py", "store/memory_incidents.py", "store/memory_outbox.py",
    "store/outbox_scripts.py", "store/scripts.py",  # Lua, and twins for tests
    "workers/jobs.py", "workers/memory.py", "workers/metrics/promql.py", "workers/runner.py", "workers/supervisor.py",
    "workers/seen.py", "workers/wiring.py",  # queries, the audit log, probes, a start that failed
})  # fmt: skip
_NOT_TOLD = frozenset({
    "report {id}", "asking {id}", "freeze {id}", "flagger {target} {hook} {checksum}", "watch {plural} {cluster}",
    "digest {state}", "user {user}", "channel {channel}", "group {group}", "no JSON",
    "digest %s: %s (%s)",  # keys, threads, logs
    "does not answer", "refuses a write ({name})", "{why} and takes no writes",  # probes
    "'VirtualService/api-vs/http \"canary\"'", '"hotfix 4412"', "on-failure {lower}", "every {lower}",
    'freeze {service} for 1h {where} --reason "incident {id}"', "a=1 b=1",  # what can be typed
    "meshbot on behalf of {by}", "{get_name} SHA256:{digest}", "version https://git-lfs.github.com/spec/",  # in Git
    "Argo CD", "Argo Rollouts", "API discovery", "HTTP status {status}",  # names
    "spec.subsets[{index}].labels of {rule}", "{obj} spec.rules[{place}].backendRefs[{place2}]",
    "{obj} spec.backends[{index}]", "{obj} {protocol}[{place}].route[{index}]",  # places of an object
})  # fmt: skip
"""What reads like words and is none."""
_QUERIES = re.compile(r"^Bearer |^(sum|max|rate|label_replace|histogram_quantile)\b.*\(|^\w+(=|!=)")
"""PromQL, matchers of labels, and tokens."""
_BUGS = frozenset({"ValueError", "TypeError", "KeyError", "RuntimeError", "LookupError", "AssertionError"})
_SILENT_CALLS = frozenset({
    "compile", "debug", "info", "warning", "error", "exception", "note", "enqueue", "Thread", "ThreadPoolExecutor",
    "note_once", "getLogger", "key", "lock", "later", "split", "strftime", "removesuffix",
})  # fmt: skip
"""Calls whose words are for logs, keys and machines."""
_MOST = 16
"""Ways in which one expression may be said, at most; beyond that its choices stay places."""
_PLACE = re.compile(r"\{\w+\}")
_SAID = re.compile(r"[A-Za-z]{2,}|(?<= )[sh]\b")
_WORDS = frozenset({"fails"})
"""Single words that stand in other sentences."""
_TOLD_ENUMS = frozenset({"State", "Step", "Phase", "Verdict"})
"""Classes of single words that do, as well."""

Template = str


@dataclass(frozen=True)
class Sentence:
    """One template, and where it stands."""

    text: Template
    path: str
    line: int


def sentences(root: Path) -> Iterator[Sentence]:
    """Yield what people may be told, room by room."""
    for path in _files(root):
        tree, name = ast.parse(path.read_text()), str(path.relative_to(root))
        yield from (Sentence(text, name, line) for text, line in Reader(tree).read() if _is_told(text))
        yield from (Sentence(text, name, line) for text, line in _words_of_enums(tree))


def _files(root: Path) -> Iterator[Path]:
    for room in ROOMS:
        start = root / room
        for path in sorted(start.rglob("*.py")) if start.is_dir() else [start]:
            if str(path.relative_to(root)) not in NOT_READ_BY_PEOPLE:
                yield path


def _is_told(text: Template) -> bool:
    return text in _WORDS or (_reads_like_words(text) and text not in _NOT_TOLD)


def _words_of_enums(tree: ast.Module) -> Iterator[tuple[Template, int]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name in _TOLD_ENUMS:
            for line in node.body:
                if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
                    yield str(line.value.value), line.lineno


def _reads_like_words(text: Template) -> bool:
    """Tell whether it is more than a name, a command, a key or a form of other things."""
    own = _PLACE.sub(" ", text)
    if "{" in own or "}" in own or _QUERIES.match(text):
        return False
    if not text.endswith(".") and text.strip().startswith(("/mesh", "kubectl", "curl")):
        return False
    return bool(_SAID.search(own)) and (" " in text.strip() or text.endswith("."))


@dataclass
class Reader:
    """Reads the sentences of one module."""

    tree: ast.Module
    _skipped: set[ast.AST] = field(default_factory=set)
    _known: dict[ast.AST, dict[str, ast.expr]] = field(default_factory=dict)
    """By function: the names that stand for words there."""
    _loads: dict[ast.AST, dict[str, int]] = field(default_factory=dict)
    _put_in: dict[tuple[ast.AST, str], int] = field(default_factory=dict)

    def read(self) -> list[tuple[Template, int]]:
        """Return every template with its line."""
        scopes: list[ast.AST] = [self.tree, *(node for node in ast.walk(self.tree) if isinstance(node, _FUNCTIONS))]
        for scope in scopes:
            self._learn(scope)
        found: list[tuple[ast.expr, list[Template]]] = []
        for scope in scopes:
            for node in _own_nodes(scope):
                self._skip_around(node)
            for node in _own_nodes(scope):
                if _is_said(node) and node not in self._skipped:
                    found.append((node, self._templates(node, scope)))
                    self._skipped.update(ast.walk(node))
        spent = self._spent()
        return [(text, node.lineno) for node, texts in found if node not in spent for text in texts]

    def _learn(self, scope: ast.AST) -> None:
        known: dict[str, list[ast.expr]] = {}
        loads: dict[str, int] = {}
        for node in _own_nodes(scope):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                known.setdefault(node.targets[0].id, []).append(node.value)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                loads[node.id] = loads.get(node.id, 0) + 1
        once = {name: values[0] for name, values in known.items() if len(values) == 1}
        self._known[scope] = {name: value for name, value in once.items() if _words(value)}
        self._loads[scope] = loads

    def _spent(self) -> set[ast.AST]:
        """Return the words that were put into every sentence their name stands in: they need no entry of their own."""
        whole = {
            self._known[scope][name]
            for (scope, name), count in self._put_in.items()
            if scope is not self.tree and count == self._loads[scope].get(name)
        }
        return {inner for node in whole for inner in ast.walk(node)}

    def _skip_around(self, node: ast.AST) -> None:
        """Leave out what stands where no person reads."""
        for one in _silent(node):
            self._skipped.update(ast.walk(one))

    def _templates(self, node: ast.expr, scope: ast.AST) -> list[Template]:
        names = Names()
        return list(dict.fromkeys(_merged(text) for text in self._ways(node, scope, names)))

    def _ways(self, node: ast.expr, scope: ast.AST, names: Names) -> list[Template]:
        """Return the ways in which an expression may come out; a place where it is not known."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr(values=parts):
                return _combined([self._ways(part, scope, names) for part in parts]) or [names.of(node)]
            case ast.FormattedValue(value=value):
                return self._choices(value, scope, names)
            case ast.IfExp(body=body, orelse=other):
                return [*self._ways(body, scope, names), *self._ways(other, scope, names)]
            case ast.BinOp(left=left, op=ast.Add(), right=right) if _joins_words(node):
                return _combined([self._ways(left, scope, names), self._ways(right, scope, names)])
            case _:
                return self._choices(node, scope, names)

    def _choices(self, value: ast.expr, scope: ast.AST, names: Names) -> list[Template]:
        """Return what a place of an f-string may hold, where the source says so."""
        if isinstance(value, ast.Name):
            for where in (scope, self.tree):
                known = self._known[where].get(value.id)
                if known and not _has_braces(known):
                    self._put_in[where, value.id] = self._put_in.get((where, value.id), 0) + 1
                    return self._ways(known, where, names)
        if _words(value):
            return self._ways(value, scope, names)
        if isinstance(value, ast.BoolOp) and isinstance(value.op, ast.And) and _words(value.values[-1]):
            return [*self._ways(value.values[-1], scope, names), ""]
        if isinstance(value, ast.BoolOp) and isinstance(value.values[-1], ast.Constant):
            return [names.of(value.values[0]), *self._ways(value.values[-1], scope, names)]
        return [names.of(value)]


_FUNCTIONS = (ast.FunctionDef, ast.Lambda)


def _silent(node: ast.AST) -> list[ast.expr]:
    """Return the parts of a node whose words are for no person: docstrings, bugs, keys, what can be typed."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return [node.value]
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name))) if name in _BUGS and node.exc:
            return [node.exc]
        case ast.Compare() | ast.Subscript():
            return [node] if isinstance(node, ast.Compare) else [node.slice]
        case ast.Dict(keys=keys):
            return [key for key in keys if key is not None]
        case ast.Call():
            return _silent_in(node)
    return []


def _silent_in(call: ast.Call) -> list[ast.expr]:
    match call:
        case ast.Call(func=ast.Name(id="VerbHelp"), args=[usage, _, examples]):
            return [usage, examples]
        case ast.Call(func=ast.Attribute(attr="get"), args=[key, *_]):
            return [key]
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in _SILENT_CALLS:
            return [*call.args, *(word.value for word in call.keywords)]
    return []


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope from the outside in, without those of the functions inside it."""
    waiting: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, _FUNCTIONS):
            waiting.extend(ast.iter_child_nodes(node))


def _is_said(node: ast.AST) -> bool:
    """Tell whether the node is text by itself."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    return isinstance(node, ast.JoinedStr) or _joins_words(node)


def _joins_words(node: ast.AST) -> bool:
    """Tell whether text is put together with a plus, all of it or a part."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return any(_words(one) or _joins_words(one) for one in (left, right))
    return False


def _words(node: ast.expr) -> bool:
    """Tell whether an expression is text, whichever way it comes out."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, str)
        case ast.JoinedStr():
            return True
        case ast.IfExp(body=body, orelse=other):
            return _words(body) and _words(other)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _words(left) and _words(right)
    return False


def _has_braces(node: ast.expr) -> bool:
    """Tell whether text has braces of its own, which would look like places."""
    texts = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
    return any(isinstance(text, str) and set("{}") & set(text) for text in texts)


def _combined(ways: Iterable[list[Template]]) -> list[Template]:
    """Return every way to say the parts one after another."""
    found = [""]
    for each in ways:
        found = [before + after for before, after in product(found, each)]
        if len(found) > _MOST:
            raise ValueError(f"more than {_MOST} ways to say {found[0]!r}: say it in more sentences")
    return found


def _merged(text: Template) -> Template:
    """Return the template with places that stand side by side made one: nothing tells where one ends."""
    return re.sub(r"(\{\w+\})(?:\{\w+\})+", r"\1", text)
