#!/usr/bin/env python3
"""Runs the mutants of cargo-mutants through the library's tests, all of them in one build. See README.md beside this.

Steps, each of which keeps what it found in the work folder and goes on where it was ended:
  list    what cargo-mutants would try
  build   a copy of the tree with every mutant behind a switch, without those that do not compile
  cover   each test alone: does it pass, how long does it take, to which mutants does it come
  test    each mutant against the tests that come to it
  report  SURVIVORS.md: the counts, and every mutant that lived, with its sentence from sentences.tsv
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import hunt
from rust import Source
from schema import LET_CHAIN, Mutant, mutate

REPOSITORY = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
FILES = ["src/trust/**", "src/delivery/**", "src/store/**"]
# What only tests use. Modules under `#[cfg(test)]` alone are left out by cargo-mutants itself.
LEFT_OUT = [
    "**/testing.rs",
    "**/tests.rs",
    "**/*_tests.rs",
    "**/tests/**",
    "**/fuzz.rs",
    "src/delivery/scenarios/**",
    "src/store/disk/simulated.rs",
    "src/store/disk/simulated/**",
    "src/store/journal/stepped.rs",
    "src/store/view/conformance.rs",
]
NOT_COPIED = {"target", ".git", "fuzz", "mutants"}
# These say that the switch stands where it may not, not that the mutant is none.
NOT_SWITCHABLE = {"E0015", "E0382"}


PARTS = ["trust", "delivery", "store"]
LIVED = ["survived", "survived so far", "not reached"]
KINDS = ["caught", "timed out", *LIVED, "not switchable", "unviable", "not run"]


def work_file(work, name, empty):
    """What an earlier step kept."""
    path = work / name
    return json.loads(path.read_text()) if path.exists() else empty


def keep(work, name, value):
    """Written whole or not at all."""
    path = work / name
    path.with_suffix(".new").write_text(json.dumps(value, indent=1))
    path.with_suffix(".new").replace(path)


def step_list(work):
    command = ["cargo", "mutants", "--list", "--json"]
    for glob in FILES:
        command += ["--file", glob]
    for glob in LEFT_OUT:
        command += ["--exclude", glob]
    listed = subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stdout
    found = json.loads(listed)
    for mutant in found:
        mutant.pop("diff", None)
    keep(work, "list.json", found)
    print(f"{len(found)} mutants")


def mutants_of(work):
    """All that are listed, numbered from 1."""
    return [Mutant(number, listed) for number, listed in enumerate(work_file(work, "list.json", []), 1)]


def copy_tree(work):
    """The tree as it stands, into the work folder. What has not changed keeps its time, so that cargo sees it so."""
    tree = work / "tree"
    for source in REPOSITORY.rglob("*"):
        inside = source.relative_to(REPOSITORY)
        if inside.parts[0] in NOT_COPIED or not source.is_file():
            continue
        place_bytes(tree / inside, source.read_bytes())
    return tree


def place_bytes(path, content):
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def plant(tree, mutants, dropped):
    """Every file with its mutants but the dropped ones. Returns whom to blame where: {file: spans}."""
    spans = {}
    for file in sorted({mutant.file for mutant in mutants}):
        listed = [mutant for mutant in mutants if mutant.file == file]
        living = [mutant for mutant in listed if mutant.name not in dropped]
        by_number = {mutant.number: mutant for mutant in living}
        text, spans[file], unplaced = mutate((REPOSITORY / file).read_text(), listed, living)
        for number, why in unplaced.items():
            dropped[by_number[number].name] = f"unplaced: {why}"
        place_bytes(tree / file, text.encode())
    place_bytes(tree / "src/mutation.rs", (HERE / "switch.rs").read_bytes())
    library = (REPOSITORY / "src/lib.rs").read_text()
    first = library.index("#[macro_use]")
    allowed = "#![allow(warnings, arithmetic_overflow, unconditional_panic, clippy::all)]\n"
    library = library[:first] + allowed + "pub mod mutation;\n" + library[first:]
    place_bytes(tree / "src/lib.rs", library.encode())
    return spans


def cargo(tree, target, *arguments):
    """Runs cargo on the copy; returns its messages as values."""
    command = ["cargo", *arguments, "--locked", "--message-format=json"]
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_INCREMENTAL": "1"}
    ran = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return ran.returncode == 0, [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")], ran.stderr


def blame(message, spans):
    """The numbers of the mutants that a compiler's error is about: the smallest piece of ours around it."""

    def around(place):
        begin, end = place["byte_start"], place["byte_end"]
        inside = [s for s in spans.get(place["file_name"], []) if s.begin <= begin and end <= s.end]
        return min(inside, key=lambda s: s.end - s.begin, default=None)

    places = sorted(message["spans"], key=lambda place: not place["is_primary"])
    for child in message.get("children", []):
        places += child["spans"]
    for place in places:
        while place:
            found = around(place)
            if found:
                return found.numbers
            place = (place.get("expansion") or {}).get("span")
    return []


def suspect(message, spans, by_number, tree):
    """For an error beside all of our pieces: a match that is not whole without an arm, a function whose return type is
    opaque and now another. Those arms, or that function's early returns."""
    place = next((place for place in message["spans"] if place["is_primary"]), None)
    if not place or place["file_name"] not in spans:
        return []
    ours = [(span, by_number[number]) for span in spans[place["file_name"]] for number in span.numbers]
    if (message.get("code") or {}).get("code") == "E0004":
        text = (tree / place["file_name"]).read_bytes().decode()
        written = Source(text)
        after = len((tree / place["file_name"]).read_bytes()[: place["byte_end"]].decode())
        opening = next(at for at, token in enumerate(written.tokens) if token.start >= after and token.text == "{")
        begin = len(text[: written.tokens[opening].start].encode())
        end = len(text[: written.tokens[written.partner[opening]].start].encode())
        return [mutant.number for span, mutant in ours if mutant.genre == "MatchArm" and begin <= span.begin <= end]
    before = [(span.end, mutant) for span, mutant in ours if mutant.genre == "FnValue" and span.end <= place["byte_start"]]
    if not before:
        return []
    function = max(before, key=lambda found: found[0])[1].function_at
    return [mutant.number for _, mutant in before if mutant.function_at == function]


def step_build(work, target):
    """Builds, drops what does not compile, and again, until it compiles."""
    mutants = mutants_of(work)
    by_number = {mutant.number: mutant for mutant in mutants}
    dropped = work_file(work, "dropped.json", {})
    tree = copy_tree(work)
    checked = False
    while True:
        spans = plant(tree, mutants, dropped)
        arguments = ["test", "--lib", "--no-run"] if checked else ["check", "--profile", "test", "--lib"]
        good, messages, said = cargo(tree, target, *arguments)
        if good and not checked:
            checked = True
            continue
        if good:
            break
        before, unknown = len(dropped), []
        for message in (m["message"] for m in messages if m.get("reason") == "compiler-message"):
            if message["level"] != "error" or not message["spans"]:
                continue
            code = (message.get("code") or {}).get("code") or "no code"
            numbers = blame(message, spans)
            if not numbers:
                numbers = suspect(message, spans, by_number, tree)
                code = f"beside, {code}"
            for number in numbers:
                dropped.setdefault(by_number[number].name, f"{code}: {message['message'].splitlines()[0]}")
            if not numbers:
                unknown.append(message["rendered"])
        keep(work, "dropped.json", dropped)
        print(f"{len(dropped) - before} do not compile, {len(unknown)} errors are nobody's", flush=True)
        if len(dropped) == before:
            sys.exit("no mutant is to blame:\n" + "\n".join(unknown[:20]) + said[-4000:])
    keep(work, "dropped.json", dropped)
    built = next(m["executable"] for m in messages if m.get("executable") and m["target"]["kind"] == ["lib"])
    # A copy: another build with the same target folder would put its own in this place while ours is in use.
    program = str(shutil.copy2(built, work / "library-tests"))
    keep(work, "program.json", program)
    print(f"built with {len(mutants) - len(dropped)} of {len(mutants)} mutants: {program}")


def sentences():
    """What sentences.tsv says: (pattern, sentence), the first that is found in a name counts."""
    lines = (HERE / "sentences.tsv").read_text().splitlines()
    pairs = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(re.compile(pattern), sentence) for pattern, sentence in pairs]


def outcome(mutant, dropped, results):
    why = dropped.get(mutant.name)
    if not why:
        return results.get(mutant.name, {}).get("outcome", "not run")
    code = why.split(":")[0]
    if LET_CHAIN in why or not (code in {"unplaced", "beside, E0308"} or code in NOT_SWITCHABLE):
        return "unviable"
    return "not switchable"


def step_report(work):
    """Writes SURVIVORS.md: the counts, and every mutant that no test noticed, with its sentence if it has one."""
    mutants, dropped = mutants_of(work), work_file(work, "dropped.json", {})
    results, known = work_file(work, "results.json", {}), sentences()
    outcomes = {mutant: outcome(mutant, dropped, results) for mutant in mutants}
    out = ["# What no library test notices", "", "Made by `mutants/run.py report`; what the words mean stands in README.md.", ""]
    out += ["| | listed | " + " | ".join(KINDS) + " |", "|---" * (len(KINDS) + 2) + "|"]
    for part in [*PARTS, "all"]:
        row = [sum(o == kind and part in {m.part, "all"} for m, o in outcomes.items()) for kind in KINDS]
        out.append(f"| {part} | {sum(row)} | " + " | ".join(map(str, row)) + " |")
    bare = 0
    for part in PARTS:
        out += ["", f"## {part}", ""]
        for mutant, kind in outcomes.items():
            if mutant.part != part or kind not in LIVED:
                continue
            sentence = next((said for pattern, said in known if pattern.search(mutant.name)), "")
            bare += not sentence
            place, change = mutant.name.split(": ", 1)
            out.append(f"- `{place}` {kind}: `{change}`. {sentence or '**Without a sentence yet.**'}")
    (HERE / "SURVIVORS.md").write_text("\n".join(out) + "\n")
    print("\n".join(out[4:10]))
    print(f"{bare} without a sentence; see mutants/SURVIVORS.md")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["list", "build", "cover", "test", "report", "all"])
    parser.add_argument("--work", type=Path, required=True, help="folder for the copy and the findings; never the tree")
    parser.add_argument("--target", type=Path, help="cargo's target folder for the copy [WORK/target]")
    parser.add_argument("--tmp", type=Path, help="where tests put their files [WORK/tmp]; a memory disk is faster")
    parser.add_argument("--only", default="", help="only mutants whose name begins so: src/trust/")
    parser.add_argument("--tests", default="", help="only cover tests whose name begins so: trust::,wire::")
    parser.add_argument("--changed", default="", help="before covering, forget tests whose name begins so: trust::note")
    parser.add_argument("--seconds", type=float, default=10, help="of tests for each mutant; the rest is left for later")
    given = parser.parse_args()
    work = given.work.resolve()
    if work == REPOSITORY or REPOSITORY in work.parents:
        parser.error("--work must stand outside the repository")
    work.mkdir(parents=True, exist_ok=True)
    target = (given.target or work / "target").resolve()
    scratch = (given.tmp or work / "tmp").resolve()
    if given.step in {"list", "all"}:
        step_list(work)
    if given.step in {"build", "all"}:
        step_build(work, target)
    if given.step in {"cover", "all"} and given.changed:
        hunt.forget(work, tuple(given.changed.split(",")))
    if given.step in {"cover", "all"}:
        hunt.cover(work, scratch, given.tests.split(","))
    if given.step in {"test", "all"}:
        hunt.test(work, scratch, given.only, given.seconds)
    if given.step in {"report", "all"}:
        step_report(work)
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
