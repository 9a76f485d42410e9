"""Runs tests: each alone to see what it comes to, then for each mutant those that come to it.

One test process at a time, each in a process group of its own, with a folder of its own for temporary files. A mutant is
caught when a test that passes without it fails, or ends the process, or takes several times as long as it should.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections import Counter

# Tests that are run one by one, the likeliest first; what is left goes into one process, as starting one costs more than
# most tests take.
ALONE = 6
LIMIT_FACTOR, LIMIT_AT_LEAST_S = 8, 4
KEEP_EVERY = 25
# A mutant may ask for all there is.
MEMORY_BYTES, FILE_BYTES = 8 << 30, 1 << 30


def bound():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Tests:
    """The program with the library's tests."""

    def __init__(self, work, scratch):
        self.program = json.loads((work / "program.json").read_text())
        self.tree, self.scratch = work / "tree", scratch

    def names(self):
        listed = subprocess.run(
            [self.program, "--list", "--format", "terse"], cwd=self.tree, check=True, capture_output=True, text=True
        ).stdout
        return [line.removesuffix(": test") for line in listed.splitlines() if line.endswith(": test")]

    def run(self, names, limit_s, **variables):
        """Runs these tests, and stops at the first that fails. Returns (passed | failed | timed out, which test)."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(parents=True)
        environment = {
            **os.environ,
            "TMPDIR": str(self.scratch),
            "CARGO_MANIFEST_DIR": str(self.tree),
            "RUST_BACKTRACE": "0",
            **variables,
        }
        log = self.scratch / "said"
        command = [self.program, "--exact", "--test-threads=1", *names]
        with log.open("w") as said:
            process = subprocess.Popen(
                command,
                cwd=self.tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=bound,
            )
        deadline, pause = time.monotonic() + limit_s, 0.005
        try:
            while process.poll() is None:
                if time.monotonic() > deadline:
                    return "timed out", names[0] if len(names) == 1 else last_begun(log)
                if len(names) > 1 and (failed := first_failed(log)):
                    return "failed", failed
                time.sleep(pause)
                pause = min(pause * 1.3, 0.1)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode == 0:
            return "passed", ""
        return "failed", names[0] if len(names) == 1 else first_failed(log) or last_begun(log)


def first_failed(log):
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("test ") and line.endswith("... FAILED"):
            return line.removeprefix("test ").removesuffix(" ... FAILED")
    return ""


def last_begun(log):
    begun = [line for line in log.read_text(errors="replace").splitlines() if line.startswith("test ") and " ... " in line]
    return begun[-1].removeprefix("test ").split(" ... ")[0] if begun else ""


def load(work, name):
    path = work / name
    return json.loads(path.read_text()) if path.exists() else {}


def keep(work, name, value):
    path = work / name
    path.with_suffix(".new").write_text(json.dumps(value))
    path.with_suffix(".new").replace(path)


def numbers(work):
    """The names of the mutants by number, as they were built."""
    return {number: listed["name"] for number, listed in enumerate(json.loads((work / "list.json").read_text()), 1)}


def forget(work, prefixes):
    """Tests that were changed are as good as new: they are covered again, and tried again on what they let live."""
    known, results = load(work, "cover.json"), load(work, "results.json")
    keep(work, "cover.json", {name: found for name, found in known.items() if not name.startswith(prefixes)})
    for found in results.values():
        if "passed" in found:
            found["passed"] = [name for name in found["passed"] if not name.startswith(prefixes)]
    keep(work, "results.json", results)


def cover(work, scratch, only):
    """Each test that is not known yet and whose name begins as asked, alone, with all mutants off."""
    tests, known, names = Tests(work, scratch), load(work, "cover.json"), numbers(work)
    reached_file = work / "reached"
    present = tests.names()
    known = {name: found for name, found in known.items() if name in present}
    for count, name in enumerate(name for name in present if name not in known and name.startswith(tuple(only))):
        reached_file.unlink(missing_ok=True)
        begun = time.monotonic()
        outcome, _ = tests.run([name], 300, MUTANTS_REACHED=str(reached_file))
        took = time.monotonic() - begun
        lines = reached_file.read_text().split() if reached_file.exists() else []
        known[name] = {"outcome": outcome, "took_s": round(took, 3), "reached": sorted({names[int(line)] for line in lines})}
        if outcome != "passed":
            print(f"{name}: {outcome} without a mutant; it will not be used", flush=True)
        if count % KEEP_EVERY == 0:
            keep(work, "cover.json", known)
    keep(work, "cover.json", known)
    reached_file.unlink(missing_ok=True)
    used = [found for found in known.values() if found["outcome"] == "passed"]
    print(f"{len(used)} of {len(present)} tests, {sum(found['took_s'] for found in used):.0f} s one after another")


def test(work, scratch, only, seconds):
    """Each mutant that is not caught yet, against the tests that come to it and were not tried."""
    tests, known = Tests(work, scratch), load(work, "cover.json")
    dropped, results, names = load(work, "dropped.json"), load(work, "results.json"), numbers(work)
    by_mutant = {}
    for name, found in known.items():
        if found["outcome"] == "passed":
            for mutant in found["reached"]:
                by_mutant.setdefault(mutant, []).append(name)
    killers, begun = {}, time.monotonic()
    for found in results.items():
        note_killer(killers, *found)
    chosen = [(n, name) for n, name in names.items() if name.startswith(only) and name not in dropped]
    for count, (number, name) in enumerate(chosen):
        earlier = results.get(name, {})
        if earlier.get("outcome") in {"caught", "timed out"}:
            continue
        result = one(tests, number, name, by_mutant.get(name, []), known, killers, earlier, seconds)
        results[name] = result
        note_killer(killers, name, result)
        if count % KEEP_EVERY == 0:
            keep(work, "results.json", results)
            counted = Counter(found["outcome"] for found in results.values())
            print(f"{count} of {len(chosen)}, {time.monotonic() - begun:.0f} s: {dict(counted)}", flush=True)
    keep(work, "results.json", results)
    print(dict(Counter(found["outcome"] for found in results.values())))


def note_killer(killers, name, result):
    if result.get("by"):
        killers.setdefault(name.split(":")[0], Counter())[result["by"]] += 1


def one(tests, number, name, reaching, known, killers, earlier, seconds):
    """What becomes of one mutant. Tests are tried by what they are worth a second: near ones and those that caught others
    of the same file first, then the fastest."""
    if not reaching:
        return {"outcome": "not reached"}
    file = name.split(":")[0]
    module = file.removeprefix("src/").removesuffix(".rs").removesuffix("/mod").split("/")

    def cost(test):
        near = 0
        for ours, theirs in zip(module, test.split("::")):
            if ours != theirs:
                break
            near += 1
        return known[test]["took_s"] / (1 + 2 * near + 4 * min(killers.get(file, Counter())[test], 5))

    passed = [test for test in earlier.get("passed", []) if test in known]
    left, spent, now = sorted(set(reaching) - set(passed), key=cost), 0.0, []
    for test in left:
        spent += known[test]["took_s"]
        if now and spent > seconds:
            break
        now.append(test)
    batches = [[test] for test in now[:ALONE]] + ([now[ALONE:]] if now[ALONE:] else [])
    for batch in batches:
        limit = max(LIMIT_AT_LEAST_S, LIMIT_FACTOR * sum(known[test]["took_s"] for test in batch))
        outcome, by = tests.run(batch, limit, MUTANT=str(number))
        if outcome != "passed":
            return {"outcome": "caught" if outcome == "failed" else "timed out", "by": by}
        passed += batch
    whole = len(now) == len(left)
    return {"outcome": "survived" if whole else "survived so far", "passed": passed}
