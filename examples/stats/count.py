#!/usr/bin/env python3
"""Counts cases.csv by itself and writes expected.json: what the kernel of Allpoints must count as well.

    python3 examples/stats/count.py

Shares nothing with the program but the rules, which stand in src/domain/statistics/case.rs; standard library only.
"""

import collections
import csv
import datetime
import json
import pathlib

HERE = pathlib.Path(__file__).parent
CLASSES = [
    "rape", "sexual_abuse", "sexual_exploitation", "grooming", "abuse_material", "other_sexual", "breach", "other",
    "not_stated",
]
VICTIMS = ["under_6", "6_to_12", "13_to_15", "16_to_17", "adult", "not_known"]
UNDER_18 = set(VICTIMS[:4])
FIRST, LAST = datetime.date(2011, 4, 1), datetime.date(2012, 3, 31)
# The return was counted on this day; what was recorded later is late.
COUNTED = datetime.date(2012, 4, 15)


def span(text):
    """First and last day that a date may be."""
    parts = [int(part) for part in text.split("-")]
    if len(parts) == 3:
        day = datetime.date(*parts)
        return day, day
    if len(parts) == 2:
        after = datetime.date(parts[0] + parts[1] // 12, parts[1] % 12 + 1, 1)
        return datetime.date(parts[0], parts[1], 1), after - datetime.timedelta(1)
    return datetime.date(parts[0], 1, 1), datetime.date(parts[0], 12, 31)


def people(rows):
    """Which statements are about one person: a label for each, by walking from key to key."""
    keys = [[f"thread:{row['thread']}", *row["persons"].split()] for row in rows]
    holders = collections.defaultdict(list)
    for place, held in enumerate(keys):
        for key in held:
            holders[key].append(place)
    label = [None] * len(rows)
    for start in range(len(rows)):
        if label[start] is not None:
            continue
        ahead = [start]
        while ahead:
            place = ahead.pop()
            if label[place] is None:
                label[place] = start
                ahead.extend(other for key in keys[place] for other in holders[key])
    return label


def sharpest(spans):
    """Without the dates within which a more precise one lies."""
    def holds(wide, narrow):
        return wide != narrow and wide[0] <= narrow[0] and narrow[1] <= wide[1]

    return sorted(it for it in set(spans) if not any(holds(it, other) for other in spans))


def events(reports, soil):
    """Dates and reports of each event of one person, one kind and one country."""
    day = datetime.timedelta(1)
    own = [row for row in reports if row["statement"].startswith(f"{soil}-")]
    others = [row for row in reports if row not in own]
    made = [(date, []) for date in sharpest([span(row["on"]) for row in own])]
    for row in own:
        date = span(row["on"])
        next(rows for at, rows in made if date[0] <= at[0] and at[1] <= date[1]).append(row)
    left = []
    for row in others:
        date = span(row["on"])
        near = [rows for at, rows in made if date[0] <= at[1] + day and at[0] <= date[1] + day]
        if near:
            near[0].append(row)
        else:
            left.append(row)
    alone = [(date, []) for date in sharpest([span(row["on"]) for row in left])]
    for row in left:
        date = span(row["on"])
        next(rows for at, rows in alone if date[0] <= at[0] and at[1] <= date[1]).append(row)
    return made + alone


def principal(reports, soil):
    """Gravest offence and its youngest victim; the country where it happened is asked first."""
    for mine in (True, False):
        said = [
            (CLASSES.index(offence.split(":")[0]), VICTIMS.index(offence.split(":")[1]))
            for row in reports
            if not mine or row["statement"].startswith(f"{soil}-")
            for offence in row["offences"].split()
        ]
        if said:
            offence, victim = min(said)
            return CLASSES[offence], VICTIMS[victim]
    return "not_stated", "not_known"


def outcomes(rows):
    """Everything that was done, once each."""
    rows = [row for row in rows if row["status"] == "actual"]
    gone = {row["thread"] for row in rows if row["kind"] == "recalled"}
    rows = [row for row in rows if row["kind"] != "recalled"]
    label = people(rows)
    missing, nationals, known_to = {}, collections.defaultdict(set), collections.defaultdict(set)
    groups = collections.defaultdict(list)
    for row, person in zip(rows, label):
        nationals[person].update(row["nationals"].split())
        if row["kind"] == "missing":
            known_to[person].add(row["statement"][:2])
            if row["statement"] not in gone:
                day = datetime.date.fromisoformat(row["recorded"])
                missing[person] = min(day, missing.get(person, day))
        else:
            groups[person, row["country"], row["event"]].append(row)
    for (person, soil, event), reports in groups.items():
        for date, told in events(reports, soil):
            offence, victim = principal(told, soil)
            yield {
                "on": date[0],
                "country": soil,
                "national": min(nationals[person] & known_to[person] or nationals[person], default=""),
                "missing": person in missing and missing[person] <= date[0],
                "event": event,
                "offence": offence,
                "victim": victim,
                "reports": sorted(row["statement"] for row in told),
            }


def asked(it):
    """XA's nationals, reported missing before, arrested or charged for rape or sexual abuse of somebody under 18."""
    return (
        it["national"] == "XA"
        and it["missing"]
        and it["event"] in ("arrested", "charged")
        and it["offence"] in ("rape", "sexual_abuse")
        and it["victim"] in UNDER_18
    )


def count(rows):
    """The figures of the period, by country and cell; and the question's, with the statements that they rest on."""
    of_period = [it for it in outcomes(rows) if FIRST <= it["on"] <= LAST]
    cells = collections.Counter(
        "|".join([
            it["country"], it["national"], "missing" if it["missing"] else "none",
            it["event"], it["offence"], it["victim"],
        ])
        for it in of_period
    )
    question = collections.defaultdict(list)
    for it in filter(asked, of_period):
        question[it["country"]].append(it["reports"])
    return {
        "outcomes": len(of_period),
        "cells": dict(sorted(cells.items())),
        "question": {country: len(cases) for country, cases in sorted(question.items())},
        "cases": {country: sorted(cases) for country, cases in sorted(question.items())},
    }


def main():
    with (HERE / "cases.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    early = [row for row in rows if datetime.date.fromisoformat(row["recorded"]) <= COUNTED]
    expected = {
        "period": [FIRST.isoformat(), LAST.isoformat()],
        "counted": COUNTED.isoformat(),
        "first": count(early),
        "revised": count(rows),
    }
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (HERE / "expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
