#!/usr/bin/env python3
"""Set up bitfront in this checkout and run its main job or its tests.

    python3 bootstrap.py demo              install, then search, report, export and verify
    python3 bootstrap.py test [ARGUMENTS]  install, then run pytest with these arguments

Both make `.venv` beside this file from `requirements.lock` (every package pinned and checked by its
hash) and install bitfront there in editable mode. A second run finds nothing to do and starts at once.
Only the standard library is used, and syntax that an old Python can read, so that it can say it is old.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "bitfront-stamp.json"
LOG = VENV / "install.log"
DEMO_STUDY = ROOT / "experiments" / "top_tagging_lstm" / "study.yaml"

OLDEST = (3, 11)
NEWEST = (3, 13)  # TensorFlow 2.21 has no wheels for later Pythons
NEEDED_GIB = 4.5  # the environment takes 3.0 GiB, and what is unpacked on the way the rest
BUILD_TOOLS = ("setuptools", "wheel", "packaging")  # what the two source-only packages are built with

# What an installer prints, and what it means to the person who started it. The first match counts.
CAUSES = (
    (r"No space left on device", "the disk is full: free {gib} GiB and run this again"),
    (
        r"hash(es)? (mismatch|do not match)|DO NOT MATCH THE HASHES",
        "a downloaded package is not the one that was locked: clear the package cache and run this again",
    ),
    (
        r"dns error|name resolution|Could not resolve|[Cc]onnection|[Nn]etwork|timed out|unreachable"
        r"|Failed to fetch|Failed to establish|[Pp]roxy|offline|certificate",
        "the package index could not be reached: connect this machine, or set up its proxy for pip, "
        "and run this again",
    ),
    (
        r"No matching distribution|no wheels? with a matching|No solution found|not a supported wheel",
        "a locked package has no build for this machine: use Linux on x86-64 with glibc 2.28 or later and "
        "Python 3.11 to 3.13",
    ),
    (
        r"[Pp]ermission denied|Read-only file system",
        "a folder cannot be written: give this user write access to the checkout and run this again",
    ),
)


class SetupFailed(Exception):
    """What stopped the set-up, as one sentence for the person at the terminal."""


def say(text: str) -> None:
    """Print a line of our own, apart from what the started programs print."""
    print("[bootstrap] " + text, flush=True)


def main(arguments: "list[str]") -> int:
    """Run one of the two commands and return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0
    command, rest = arguments[0], arguments[1:]
    if command not in ("demo", "test"):
        raise SetupFailed(
            f"there is no command {command!r}: use 'python3 bootstrap.py demo' or 'python3 bootstrap.py test'"
        )
    if command == "demo" and rest:
        raise SetupFailed(
            "'demo' takes no arguments (got {}): to change the study, run '.venv/bin/bitfront run'".format(
                " ".join(rest)
            )
        )
    use_suitable_python(arguments)
    ensure_environment()
    return demo() if command == "demo" else test(rest)


def use_suitable_python(arguments: "list[str]") -> None:
    """Go on in this Python if it will do, else in a suitable one on PATH, else say which is needed."""
    if os.name != "posix":
        raise SetupFailed("bitfront runs on Linux and macOS: on Windows, run this inside WSL")
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        other = shutil.which(f"python3.{minor}")
        if other and works([other, "-c", f"import sys; sys.exit(sys.version_info[1] != {minor})"]):
            say("this is Python {}.{}; going on with {}".format(*sys.version_info[:2], other))
            os.execv(other, [other, str(ROOT / "bootstrap.py"), *arguments])  # noqa: S606 (a list, no shell)
    raise SetupFailed(
        "Python {}.{} cannot run bitfront: install Python 3.11, 3.12 or 3.13 and start this with it".format(
            *sys.version_info[:2]
        )
    )


def ensure_environment() -> None:
    """Bring `.venv` to what the lock and pyproject.toml say; without network when it is there already."""
    wanted = {
        "checkout": str(ROOT),  # a moved environment has scripts that start the old one
        "packages": digest(LOCK),
        "bitfront": digest(ROOT / "pyproject.toml"),
    }
    found = read_stamp()
    if found == wanted:
        return
    if found.get("checkout") != wanted["checkout"] or not python_works():
        make_venv()
        found = {}
    installer = choose_installer()
    if found.get("packages") != wanted["packages"]:
        install_packages(installer)
    if found != wanted:
        install(installer, ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)], "bitfront itself")
    link_for_types()
    STAMP.write_text(json.dumps(wanted, indent=2) + "\n")
    say(f"ready: {VENV}")


def link_for_types() -> None:
    """Let mypy see the four folders as one package, which an editable install shows to Python alone."""
    package = VENV / "typing" / "bitfront"
    package.mkdir(parents=True, exist_ok=True)
    for name in ("spaces", "hls", "search", "experiments"):
        link = package / name
        if not link.is_symlink():
            link.symlink_to(Path("..", "..", "..", name), target_is_directory=True)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file of this checkout."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise SetupFailed(f"{path} is missing: this is not a whole checkout of bitfront") from None


def read_stamp() -> "dict[str, str]":
    """Return what the last finished set-up installed; empty where there was none."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and python_works() else {}


def works(command: "list[str]") -> bool:
    """Tell whether a program can be started and ends well."""
    try:
        quiet = subprocess.DEVNULL
        return subprocess.run(command, stdout=quiet, stderr=quiet, check=False).returncode == 0
    except OSError:
        return False


def python_works() -> bool:
    """Tell whether the environment's Python starts and is of a version that bitfront runs on."""
    check = f"import sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    return works([str(PYTHON), "-c", check])


def uv_on_path() -> "str | None":
    """Return the machine's own uv, if it has one that starts."""
    uv = shutil.which("uv")
    return uv if uv and works([uv, "--version"]) else None


def make_venv() -> None:
    """Make `.venv` anew; an older one goes, anything else of that name stays and is an error."""
    if VENV.exists():
        ours = (VENV / "pyvenv.cfg").is_file() or {entry.name for entry in VENV.iterdir()} <= {"cache"}
        if not ours:
            raise SetupFailed(f"{VENV} is not a virtual environment: move it away and run this again")
        shutil.rmtree(VENV)
    free = shutil.disk_usage(ROOT).free / 2**30
    if free < NEEDED_GIB:
        raise SetupFailed(
            f"{free:.1f} GiB are free for {VENV} and {NEEDED_GIB} are needed: free some and run this again"
        )
    say(f"making {VENV} with Python {sys.version.split()[0]}")
    uv = uv_on_path()
    command = (
        [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable]
        if uv
        else [sys.executable, "-m", "venv"]
    )
    made = subprocess.run(
        [*command, str(VENV)], env=environment(), capture_output=True, text=True, check=False
    )
    if made.returncode == 0:
        return
    if not os.access(str(ROOT), os.W_OK):
        raise SetupFailed(f"{ROOT} cannot be written: give this user write access to the checkout")
    if re.search(r"ensurepip|No module named '?venv", made.stdout + made.stderr):
        raise SetupFailed(
            "this Python has no ensurepip or venv module: install it (on Debian and Ubuntu the package "
            "python3-venv), or install uv"
        )
    raise SetupFailed("no virtual environment could be made: " + last_line(made.stdout + made.stderr))


def choose_installer() -> "list[str]":
    """Return the start of an install command: uv's where there is or can be one, else pip's."""
    uv = uv_on_path()
    if not uv:
        own = VENV / "bin" / "uv"
        if not own.exists():
            try:
                install(pip_command(), locked(("uv",)), "uv")
            except SetupFailed as reason:
                say(f"going on with pip, which takes several minutes ({reason})")
                return pip_command()
        uv = str(own)
    return [uv, "pip", "install", "--python", str(PYTHON)]


def pip_command() -> "list[str]":
    """Return the start of pip's install command in the environment, adding pip where uv left it out."""
    if not works([str(PYTHON), "-m", "pip", "--version"]):
        works([str(PYTHON), "-m", "ensurepip", "--upgrade"])
    return [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]


def locked(names: "tuple[str, ...]") -> "list[str]":
    """Return install arguments for these packages alone, as the lock pins them."""
    entries = re.split(r"\n(?=[a-z0-9])", LOCK.read_text())
    chosen = [entry for entry in entries if entry.split("==")[0] in names]
    part = VENV / "requirements-{}.txt".format("-".join(names))
    part.write_text("\n".join(chosen) + "\n")
    return ["--no-deps", "--require-hashes", "--requirement", str(part)]


def install_packages(installer: "list[str]") -> None:
    """Install everything the lock names.

    The tools that build packages come first, so that the two packages published as source only are
    built with locked tools too.
    """
    install(installer, locked(BUILD_TOOLS), "the build tools")
    install(
        installer,
        ["--no-build-isolation", "--require-hashes", "--requirement", str(LOCK)],
        "the packages of requirements.lock (3 GB; a minute with uv, seven with pip)",
    )


def install(installer: "list[str]", arguments: "list[str]", what: str) -> None:
    """Run an install command into the log, showing that it lives, and turn its failure into a sentence."""
    say(f"installing {what}")
    started = time.monotonic()
    with LOG.open("a+") as log:
        begin = log.tell()
        process = subprocess.Popen(
            [*installer, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment()
        )
        try:
            while True:
                try:
                    code = process.wait(timeout=30)
                    break
                except subprocess.TimeoutExpired:
                    say(f"  still installing, {time.monotonic() - started:.0f} s")
        except BaseException:
            process.terminate()
            process.wait()
            raise
        log.seek(begin)
        printed = log.read()
    if code == 0:
        return
    for pattern, meaning in CAUSES:
        if re.search(pattern, printed):
            raise SetupFailed(f"{meaning.format(gib=NEEDED_GIB)} (details: {LOG})")
    raise SetupFailed(
        "installing {} failed with '{}' (details: {})".format(what.split(" (")[0], last_line(printed), LOG)
    )


def last_line(text: str) -> str:
    """Return the last line that tells of an error, or else the last that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["no message"])[-1]


def environment() -> "dict[str, str]":
    """Return the variables for started programs: caches move into `.venv` where home is read-only."""
    variables = dict(os.environ, UV_PYTHON_DOWNLOADS="never", PYTHONUNBUFFERED="1")
    variables.pop("PYTHONPATH", None)  # packages from elsewhere would come before the locked ones
    variables.pop("PYTHONHOME", None)
    try:
        with tempfile.TemporaryFile(dir=str(Path.home())):
            pass
    except (OSError, RuntimeError):
        caches = VENV / "cache"
        for name, folder in (
            ("UV_CACHE_DIR", "uv"),
            ("PIP_CACHE_DIR", "pip"),
            ("XDG_CACHE_HOME", "xdg"),
            ("MPLCONFIGDIR", "matplotlib"),
            ("KERAS_HOME", "keras"),
        ):
            variables.setdefault(name, str(caches / folder))
    return variables


def run(command: "list[str]") -> int:
    """Run a program of the environment in the checkout, showing the command, and return its exit code."""
    shown = " ".join(relative(part) for part in command)
    say("$ " + shown)
    try:
        return subprocess.run(command, cwd=str(ROOT), env=environment(), check=False).returncode
    except OSError as error:
        raise SetupFailed(f"{shown} cannot be started ({error}): delete .venv and run this again") from None


def relative(part: str) -> str:
    """Return a path of this checkout as the person would type it, quoted where it has spaces."""
    prefix = str(ROOT) + os.sep
    text = part[len(prefix) :] if part.startswith(prefix) else part
    return f"'{text}'" if " " in text else text


def test(arguments: "list[str]") -> int:
    """Run the tests."""
    return run([str(PYTHON), "-m", "pytest", *arguments])


def demo() -> int:
    """Run the main job on the study that ships with bitfront: search, report, export and verify."""
    bitfront = str(VENV / "bin" / "bitfront")
    study = ROOT / "studies" / "top_tagging_lstm"
    bundle = study / "bundle-knee"
    steps = [
        ("search precisions for a jet-tagging LSTM", [bitfront, "run", str(DEMO_STUDY)]),
        ("draw the front", [bitfront, "report", str(study)]),
        (
            "export the front's knee as an hls4ml project",
            [bitfront, "export", str(study), "--pick", "knee", "--out", str(bundle)],
        ),
        (
            "compare the exported project's emulation with the search's predictions",
            [bitfront, "verify", str(bundle)],
        ),
    ]
    if not shutil.which("g++"):
        del steps[2:]
        say(
            "no g++ on PATH: the search and the report work without it; exporting with proof, 'bitfront "
            "verify' and the emulation tests need it, and are left out"
        )
    elif (bundle / "checksums.sha256").is_file():
        del steps[2]  # exported by an earlier run: a finished study has the same knee
    for number, (what, command) in enumerate(steps, 1):
        say(f"{number} of {len(steps)}: {what}")
        code = run(command)
        if code:
            return code
    say("done: open studies/top_tagging_lstm/report.html, or run '.venv/bin/bitfront ui' for MLflow")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupFailed as failure:
        print(f"bootstrap.py: {failure}.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nbootstrap.py: stopped; run the same command again to go on.", file=sys.stderr)
        sys.exit(130)
