"""``python -m stress.fuzz.guided SECONDS SEED CORPUS``: the codec under atheris.

It looks for inputs that reach code which no input before has reached. Without a server: what it
finds is a fault of the codec alone.
"""

import importlib
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from stress.fuzz.frames import generate

__all__ = ["run_guided"]

_SECONDS: Final = 60
_ROOT: Final = Path(__file__).resolve().parents[2]
_LONGEST: Final = 4096
"""Bytes of an input: longer ones reach no other code, and take longer."""


def run_guided(seed: str) -> int | None:
    """Run atheris in a process of its own, which it ends itself; return the number of inputs.

    None: atheris is not installed, which is said aloud. Raises RuntimeError when an input fails.
    """
    if importlib.util.find_spec("atheris") is None:
        print("SKIPPED: atheris is not installed, so the codec is not fuzzed with a guide")
        return None
    with tempfile.TemporaryDirectory() as corpus:
        # A start that would take long to find.
        for number, case in enumerate(generate(seed, 2000)):
            if len(case.data) <= _LONGEST:
                Path(corpus, str(number)).write_bytes(case.data)
        command = [sys.executable, "-m", "stress.fuzz.guided", str(_SECONDS), seed, corpus]
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        output = done.stdout + done.stderr[-5000:]
        raise RuntimeError(f"The codec has failed under atheris, with the seed {seed}:\n{output}")
    return int(done.stderr.rpartition("stat::number_of_executed_units:")[2].split()[0])


def main(seconds: str, seed: str, corpus: str) -> None:
    """Feed the codec, until the time is over or an exception comes out."""
    # By name: only its own environment has it, and nobody's checker needs to know it.
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["chanx.engine", "chanx.messages"]):
        from stress.fuzz.codec import answer
    from stress.fuzz.answers import check_answer
    from stress.fuzz.frames import Case

    def feed(data: bytes) -> None:
        text = data.decode("utf-8", "ignore")
        for camelize in (False, True):
            check_answer(Case("guided", data), answer(text, camelize=camelize))

    number = int.from_bytes(seed.encode()[:4], "big") or 1
    options = [f"-max_total_time={seconds}", f"-seed={number}", f"-max_len={_LONGEST}"]
    options += ["-print_final_stats=1", f"-artifact_prefix={tempfile.gettempdir()}/"]
    atheris.Setup([sys.argv[0], *options, corpus], feed)
    atheris.Fuzz()  # ends the process


if __name__ == "__main__":
    main(*sys.argv[1:])
