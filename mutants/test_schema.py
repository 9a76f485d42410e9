"""Checks that operands are found where they are. Run: python3 -m unittest discover mutants"""

import unittest

from rust import Source, Unplaceable
from schema import Mutant, mutate


def listed(text, *marks, genre="BinaryOperator"):
    """A mutant for each (text that begins it, how far in, what it becomes)."""
    found = []
    for number, (around, into, length, replacement) in enumerate(marks, 1):
        at = text.index(around) + into
        line, column = text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1
        start, end = {"line": line, "column": column}, {"line": line, "column": column + length}
        value = {"name": str(number), "file": "src/f.rs", "genre": genre, "replacement": replacement}
        function = {"span": {"start": {"line": 1, "column": 1}}}
        found.append(Mutant(number, {**value, "span": {"start": start, "end": end}, "function": function}))
    return found


class Operands(unittest.TestCase):
    def ends(self, text, operators, which):
        source = Source(text)
        places = [text.index(f" {operator} ") + 1 for operator in operators]
        source.binary = {source.at(place) for place in places}
        operator = source.at(places[which])
        left = text[source.left(operator) : source.tokens[operator - 1].end]
        return left, text[source.tokens[operator + 1].start : source.right(operator)]

    def test_binary(self):
        cases = [
            ("let x: Vec<u8> = a.b(c, |d| d) + e * f;", ["+", "*"], 0, ("a.b(c, |d| d)", "e * f")),
            ("if let Some(x) = y && a.b() == *c {}", ["&&", "=="], 1, ("a.b()", "*c")),
            ("f(|a, b| a - b.c::<Vec<u8>>(d)?)", ["-"], 0, ("a", "b.c::<Vec<u8>>(d)?")),
            ("if c { d } \n *x += y + 1;", ["+=", "+"], 0, ("*x", "y + 1")),
            ("A { b: c as u64 < d, e }", ["<"], 0, ("c as u64", "d")),
            ("match x { y if y > 1 => z }", [">"], 0, ("y", "1")),
            ("return a || b.c(), d", ["||"], 0, ("a", "b.c()")),
            ("x.take(..a + 1)", ["+"], 0, ("a", "1")),
        ]
        for text, operators, which, expected in cases:
            self.assertEqual(self.ends(text, operators, which), expected, text)

    def test_what_is_in_doubt_is_refused(self):
        for text in ["match a { b => c } == d", "a == match b { c => d }", "a && if b { c } else { d }"]:
            operator = "==" if "==" in text else "&&"
            with self.assertRaises(Unplaceable, msg=text):
                self.ends(text, [operator], 0)

    def test_chains_of_let_are_known(self):
        for text, chained in [
            ("if a && let Some(b) = c {}", True),
            ("if let Some(a) = b && c {}", True),
            ("if let A { b, .. } = c && d {}", True),
            ("let a = b && c;", False),
            ("if let Some(a) = b { c } d && e", False),
            ("if a(|b| { let c = d; c }) && e {}", False),
        ]:
            source = Source(text)
            self.assertEqual(source.in_let_chain(source.at(text.index("&&"))), chained, text)

    def test_unary(self):
        for text, expected in [("!a.b?.c(d) && e", "a.b?.c(d)"), ("-1..2", "1"), ("!*a", "*a"), ("!m!(x).y as u8", "m!(x).y")]:
            source = Source(text)
            self.assertEqual(text[1 : source.operand(0)], expected)


class Schema(unittest.TestCase):
    def test_chain_stands_once(self):
        text = "fn f() { a + b + c }"
        mutants = listed(text, ("+ b", 0, 1, "-"), ("+ c", 0, 1, "-"))
        new, spans, unplaced = mutate(text, mutants, mutants)
        self.assertEqual((new.count("(a)"), new.count("(b)"), unplaced), (1, 1, {}))
        self.assertTrue(all(new[span.begin : span.end] for span in spans))

    def test_choice_turns_into_the_other(self):
        text = "fn f() { a && b }"
        mutants = listed(text, ("&&", 0, 2, "||"))
        new, _, _ = mutate(text, mutants, mutants)
        on = "crate::mutation::on(1)"
        self.assertEqual(new, f"fn f() {{ ({on} != (({on} != (a)) && ({on} != (b)))) }}")
        turned = eval("lambda on, a, b: on != ((on != a) and (on != b))")
        for a in (False, True):
            for b in (False, True):
                self.assertEqual((turned(False, a, b), turned(True, a, b)), (a and b, a or b))

    def test_comparison_in_a_guard_stands_inside_the_guard(self):
        text = "fn f() { match x { y if y == 1 => z, _ => w } }"
        mutants = listed(text, ("y ==", 2, 2, "!=")) + listed(text, ("y ==", 0, 6, "true"), genre="MatchArmGuard")
        mutants[1].number = 2
        new, _, unplaced = mutate(text, mutants, mutants)
        self.assertEqual(unplaced, {})
        self.assertIn("(crate::mutation::on(2) || (((if crate::mutation::on(1) { (y) != (1) } else { y == 1 }))))", new)


if __name__ == "__main__":
    unittest.main()
