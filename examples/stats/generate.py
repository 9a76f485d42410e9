#!/usr/bin/env python3
"""Writes cases.csv: 500 invented cases for counting, the same ones each time (fixed seed, standard library only).

    python3 examples/stats/generate.py

Everybody here is invented; countries are Arcadia (XA), Bensalem (XB), Cockaigne (XC) and XD. One line is one statement, as
the nodes concerned hold it:

    case        number of the case, 1 to 500: what was done to one person once, or an alert
    statement   origin and number of the statement
    recorded    day on which it was recorded
    status      actual or exercise
    kind        missing (an alert of a missing offender), recalled (its recall) or outcome
    thread      the first statement of its thread
    persons     keys by which its subject is known: documents and register numbers, separated by blanks
    nationals   nationalities of the subject
    event, country, on, offences   of an outcome; offences as class:victim, separated by blanks
"""

import csv
import pathlib
import random

SEED = 20110401
COUNTRIES = ["XA", "XB", "XC", "XD"]
EVENTS = ["arrested", "charged", "convicted", "refused_entry", "located"]
CLASSES = ["rape", "sexual_abuse", "grooming", "abuse_material", "other_sexual", "breach", "other"]
VICTIMS = ["under_6", "6_to_12", "13_to_15", "16_to_17", "adult", "not_known"]
FIELDS = [
    "case", "statement", "recorded", "status", "kind", "thread", "persons", "nationals",
    "event", "country", "on", "offences",
]


class Book:
    """The statements, in the order in which they are written."""

    def __init__(self):
        self.dice = random.Random(SEED)
        self.rows = []
        self.case = 0
        self.count = 0
        self.person = 0

    def day(self, first=(2011, 4), months=12):
        month = first[1] - 1 + self.dice.randrange(months)
        return f"{first[0] + month // 12:04}-{month % 12 + 1:02}-{self.dice.randint(1, 28):02}"

    def add(self, origin, kind, keys, nationals, thread="", recorded="", status="actual", **more):
        self.count += 1
        statement = f"{origin}-POL/{self.count}"
        row = {field: "" for field in FIELDS}
        row.update(
            case=self.case, statement=statement, recorded=recorded, status=status, kind=kind,
            thread=thread or statement, persons=" ".join(keys), nationals=" ".join(nationals), **more,
        )
        self.rows.append(row)
        return statement

    def somebody(self):
        """Keys and nationalities of somebody new."""
        self.person += 1
        keys = [f"doc:UTO:1:P{self.person:05}"]
        if self.dice.random() < 0.3:
            keys.append(f"reg:XA:offender:K{self.person:05}")
        nationals = ["XA"] if self.dice.random() < 0.6 else [self.dice.choice(COUNTRIES)]
        if self.dice.random() < 0.05:
            nationals = sorted({*nationals, "XD"})
        return keys, nationals

    def offences(self):
        """What an outcome says that it is for: mostly grave, and of children."""
        count = self.dice.choices([0, 1, 2], [5, 80, 15])[0]
        classes = self.dice.choices(CLASSES, [30, 35, 10, 8, 5, 7, 5], k=count)
        victims = self.dice.choices(VICTIMS, [8, 22, 30, 20, 15, 5], k=count)
        return " ".join(f"{it}:{victim}" for it, victim in zip(classes, victims))


def month_after(day):
    """About a month later."""
    year, month = int(day[:4]), int(day[5:7])
    return f"{year + month // 12:04}-{month % 12 + 1:02}-{day[8:]}"


def next_day(day):
    """Days here end at 28, so that the next one is of the same month."""
    return f"{day[:8]}{int(day[8:]) + 1:02}"


def main():
    book = Book()
    while book.case < 500:
        book.case += 1
        tell(book)
    out = pathlib.Path(__file__).with_name("cases.csv")
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(book.rows)


def tell(book):
    """One case: perhaps an alert before it, and who reports it, how often, in which order."""
    dice = book.dice
    keys, nationals = book.somebody()
    home = nationals[0]
    soil = dice.choices(["XB", "XC", "XD", "XA"], [50, 30, 12, 8])[0]
    on = book.day()
    thread = ""
    if dice.random() < 0.55:
        reported = book.day((2010, 10), 6) if dice.random() < 0.85 else month_after(on)
        thread = book.add(home, "missing", keys, nationals, recorded=reported)
        if dice.random() < 0.05:
            book.add(home, "recalled", [], [], thread=thread, recorded=reported)
    event = dice.choices(EVENTS, [45, 30, 12, 8, 5])[0]
    offences = book.offences()
    status = "exercise" if dice.random() < 0.06 else "actual"
    late = dice.random() < 0.2
    recorded = month_after("2012-04-20") if late else max(on, "2011-04-02")

    def says(origin, on, in_thread=True, offences=offences, known=keys):
        book.add(
            origin, "outcome", known, nationals, thread=thread if in_thread else "",
            recorded=recorded, status=status, event=event, country=soil, on=on, offences=offences,
        )

    abroad = home if home != soil else "XC" if soil != "XC" else "XB"
    story = dice.choices(
        ["home", "both", "foreign first", "foreign alone", "thrice", "blurred", "spontaneous", "again", "next year"],
        [34, 14, 10, 8, 8, 8, 8, 5, 5],
    )[0]
    if story == "home":
        says(soil, on)
    elif story == "both":
        says(soil, on)
        says(abroad, on, offences="rape:under_6")
    elif story == "foreign first":
        says(abroad, next_day(on), offences="")
        says(soil, on)
    elif story == "foreign alone":
        says(abroad, on)
    elif story == "thrice":
        says(soil, on)
        says(soil, on, in_thread=False)
        says(abroad, on[:7])
    elif story == "blurred":
        says(soil, on[:7])
        says(soil, on)
    elif story == "spontaneous":
        says(soil, on, in_thread=False, known=keys[:1])
    elif story == "again":
        says(soil, on)
        says(soil, month_after(on))
    else:
        says(soil, book.day((2012, 4), 12))


if __name__ == "__main__":
    main()
