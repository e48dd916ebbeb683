"""Running functions that a study file names (`model.py:build`), and telling their faults in one sentence."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bitfront.search.config.base import nearest
from bitfront.spaces import BitfrontError, UserError


class UserFunction:
    """A function of a user's file; calling it runs it with the file's folder importable, as a script's is.

    Neither `sys.path` nor `sys.modules` keeps anything of the folder afterwards, so that studies whose files
    have the same names don't meet.

    Args:
        source: `file.py:function`.
        base_dir: the folder that the file is relative to.
        key: the study key that names it, for messages.

    Raises:
        UserError: when the file or the function is missing, or the file fails to load.
    """

    def __init__(self, source: str, base_dir: Path, key: str) -> None:
        name, _, self.name = source.rpartition(":")
        self.key = key
        self.file = (base_dir / name).resolve()
        if self.file.suffix != ".py" or not self.name.isidentifier():
            raise UserError(f"{key} = {source!r} isn't file.py:function: write it like model.py:build.")
        if not self.file.is_file():
            hint = nearest(self.file.name, [one.name for one in self.file.parent.glob("*.py")] or ["none"])
            raise UserError(
                f"{key} = {source!r}: there's no file {self.file}: {hint}.".replace("?.", "?").replace(
                    ": choose one of none.", ": write it, or correct the path."
                )
            )
        self._function = self._load()

    def __reduce__(self) -> tuple[type[UserFunction], tuple[str, Path, str]]:
        """Travel to a worker as a name: the file must be reachable there under the same path."""
        return UserFunction, (f"{self.file.name}:{self.name}", self.file.parent, self.key)

    def _load(self) -> Callable[..., Any]:
        tag = hashlib.sha256(str(self.file).encode()).hexdigest()[:12]
        spec = importlib.util.spec_from_file_location(f"bitfront_user_{tag}_{self.file.stem}", self.file)
        if spec is None or spec.loader is None:
            raise UserError(f"{self.key}: {self.file} can't be imported: it must be a Python file.")
        module = importlib.util.module_from_spec(spec)
        with self._running("importing it"):
            spec.loader.exec_module(module)
        function = getattr(module, self.name, None)
        if not callable(function):
            known = [name for name, one in vars(module).items() if inspect.isfunction(one)]
            hint = nearest(self.name, known) if known else "define it there"
            raise UserError(
                f"{self.key}: {self.file} has no function {self.name!r}: {hint}.".replace("?.", "?")
            )
        return function

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that take one value each, in their order; none of what has no signature."""
        try:
            found = inspect.signature(self._function).parameters.values()
        except ValueError:
            return ()
        return tuple(one.name for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function.

        Raises:
            UserError: naming the file and line where it failed.
        """
        try:
            inspect.signature(self._function).bind(*arguments, **named)
        except TypeError as error:
            wants = f"{len(arguments)} arguments" if arguments else "no arguments"
            wants += f" and {', '.join(named)}" if named else ""
            raise UserError(
                f"{self.key}: {self.file.name}:{self.name} is called with {wants}, but {error}: give the "
                f"others defaults."
            ) from None
        except ValueError:  # a callable without a signature: let the call speak
            pass
        with self._running(f"{self.name}()"):
            return self._function(*arguments, **named)

    @contextlib.contextmanager
    def _running(self, doing: str) -> Iterator[None]:
        folder = str(self.file.parent)
        before = set(sys.modules)
        sys.path.insert(0, folder)
        try:
            yield
        except BitfrontError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(f"{self.key}: {doing} failed at {self._place(error)}.") from error
        finally:
            with contextlib.suppress(ValueError):
                sys.path.remove(folder)
            for name in set(sys.modules) - before:
                origin = getattr(sys.modules[name], "__file__", None)
                if origin and Path(origin).parent == self.file.parent:
                    del sys.modules[name]

    def _place(self, error: BaseException) -> str:
        """Return `file:line: kind: message` for the innermost line of the user's own folder."""
        message = (str(error).strip().splitlines() or [""])[0].rstrip(".")
        if isinstance(error, SyntaxError) and error.filename:
            return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
        frames = traceback.extract_tb(error.__traceback__)
        own = [one for one in frames if Path(one.filename).is_relative_to(self.file.parent)]
        where = f"{own[-1].filename}:{own[-1].lineno}" if own else str(self.file)
        return f"{where}: {type(error).__name__}{': ' + message if message else ''}"
