"""Puts all mutants of a file into it at once, each behind a switch that is read at run time.

The way in is `mutate`. What it returns is the new text and, for every piece that it added or doubled, which mutants that
piece belongs to: an error of the compiler inside of it says which of them do not compile.

With all switches off the new text does what the old one did. Where that needs an operand twice (a comparison), it
stands twice; where operators come in long chains (`+`, `&&`) it must not, as the text would double with each.
"""

from rust import BINDS, Source, Unplaceable

ON = "crate::mutation::on"
# These two do not compile, or have nothing to be switched at run time.
LET_CHAIN = "a chain of `let` has no `||`"
CONSTANT = "computed by the compiler"
WHOLE = {"MatchArmGuard", "StructField"}
COMPARE, ASSIGN = BINDS["=="], BINDS["+="]


class Mutant:
    """One line of the list of cargo-mutants."""

    def __init__(self, number, listed):
        self.number = number
        self.name = listed["name"]
        self.file = listed["file"]
        self.part = self.file.split("/")[1]
        self.genre = listed["genre"]
        self.replacement = listed.get("replacement", "")
        self.function = (listed.get("function") or {}).get("function_name", "")
        self.function_at = ((listed.get("function") or {}).get("span") or {}).get("start")
        begin, end = listed["span"]["start"], listed["span"]["end"]
        self.begin = (begin["line"], begin["column"])
        self.end = (end["line"], end["column"])

    @property
    def switch(self):
        return f"{ON}({self.number})"


class Site:
    """A piece of the source, from `begin` to `end`, and the mutants that change it; empty where text is only put in."""

    def __init__(self, begin, end, write, mutants):
        self.begin, self.end, self.write, self.mutants = begin, end, write, mutants


class Span:
    """A piece of the new text, in bytes as the compiler counts, and the numbers of the mutants to blame for it."""

    def __init__(self, begin, end, numbers):
        self.begin, self.end, self.numbers = begin, end, numbers


class Writer:
    """Writes the new text, and notes where each mutant's own words stand."""

    def __init__(self, text, sites):
        self.text, self.sites = text, sites
        self.out, self.bytes, self.spans = [], 0, []

    def raw(self, text):
        self.out.append(text)
        self.bytes += len(text.encode())

    def blame(self, mutants, *parts):
        """Parts are text, or pieces of the source as (begin, end)."""
        begin = self.bytes
        for part in parts:
            self.raw(part) if isinstance(part, str) else self.piece(*part)
        self.spans.append(Span(begin, self.bytes, [mutant.number for mutant in mutants]))

    def piece(self, begin, end, inside=None):
        """A piece of the source with the sites in it; `inside` is the site whose own piece this is."""
        at = begin
        for site in self.sites:
            if site is inside or site.begin < at or site.end > end:
                continue
            if inside and not site.end > site.begin and site.begin in (begin, end):
                continue
            self.raw(self.text[at : site.begin])
            site.write(self)
            at = site.end
        self.raw(self.text[at:end])


def mutate(text, listed, mutants):
    """The new text of a file with these of its listed mutants, the spans to blame, and why some cannot be placed:
    {number: why}. Every operator in the list bounds the operands of others, whether it is mutated or not."""
    source = Source(text)
    for mutant in listed:
        if mutant.genre == "BinaryOperator":
            source.binary.add(source.at(source.offset(*mutant.begin)))
    together, unplaced = {}, {}
    for mutant in mutants:
        begin = source.offset(*mutant.begin)
        together.setdefault((mutant.genre, begin), []).append(mutant)
    sites = []
    for (genre, begin), group in together.items():
        try:
            if not group[0].function_at or source.is_const(source.offset(**group[0].function_at)):
                raise Unplaceable(CONSTANT)
            sites.append(PLACE[genre](source, begin, source.offset(*group[0].end), group))
        except KeyError:
            unplaced.update((mutant.number, f"genre {genre} is not known here") for mutant in group)
        except Unplaceable as why:
            unplaced.update((mutant.number, str(why)) for mutant in group)
    sites, crossing = nested(sites)
    unplaced.update((mutant.number, "crosses another") for site in crossing for mutant in site.mutants)
    writer = Writer(text, sites)
    writer.piece(0, len(text))
    return "".join(writer.out), writer.spans, unplaced


def nested(sites):
    """The sites from the outside in, and those that cross another, which cannot be written."""
    good, crossing, open_until = [], [], []
    # What is only put in stands before what begins there; of two alike, a guard's or field's whole value is the outer one.
    def order(site):
        return site.begin, site.end > site.begin, -site.end, site.mutants[0].genre not in WHOLE

    for site in sorted(sites, key=order):
        while open_until and open_until[-1] <= site.begin:
            open_until.pop()
        if open_until and site.end > open_until[-1]:
            crossing.append(site)
            continue
        good.append(site)
        if site.end > site.begin:
            open_until.append(site.end)
    return good, crossing


def body(source, begin, end, mutants):
    """A function's body: returned from before it begins."""

    def write(out):
        for mutant in mutants:
            out.blame([mutant], f"if {mutant.switch} {{ return {mutant.replacement}; }} ")

    return Site(begin, begin, write, mutants)


def binary(source, begin, end, mutants):
    """`a op b`. By how tightly it binds: an assignment, a choice, a comparison, or arithmetic."""
    operator = source.at(begin)
    sign = source.tokens[operator].text
    if sign == "&&" and source.in_let_chain(operator):
        raise Unplaceable(LET_CHAIN)
    left = (source.left(operator), source.tokens[operator - 1].end)
    right = (source.tokens[operator + 1].start, source.right(operator))
    if BINDS[sign] in {COMPARE, ASSIGN}:
        write = twice(left, sign, right, mutants)
    elif sign in {"&&", "||"}:
        write = choice(left, sign, right, mutants)
    else:
        write = arithmetic(left, sign, right, mutants)
    site = Site(left[0], right[1], None, mutants)
    site.write = lambda out: write(out, site)
    return site


def twice(left, sign, right, mutants):
    """A comparison or an assignment: its operands stand once for each mutant. They do not come in chains."""

    def write(out, site):
        begin = out.bytes
        out.raw("(")
        for mutant in mutants:
            out.raw(f"if {mutant.switch} {{ ")
            first = out.bytes
            assigns = BINDS[sign] == ASSIGN
            out.raw("" if assigns else "(")
            out.piece(*left, inside=site)
            out.raw(f" {mutant.replacement} " if assigns else f") {mutant.replacement} (")
            out.piece(*right, inside=site)
            out.raw("" if assigns else ")")
            out.spans.append(Span(first, out.bytes, [mutant.number]))
            out.raw(" } else ")
        out.raw("{ ")
        out.piece(*left, inside=site)
        out.raw(f" {sign} ")
        out.piece(*right, inside=site)
        out.raw(" })")
        out.spans.append(Span(begin, out.bytes, [mutant.number for mutant in mutants]))

    return write


def choice(left, sign, right, mutants):
    """`a && b` is `!(!a || !b)`: three switches that turn together make the one the other, each operand once."""
    other = {"&&": "||", "||": "&&"}[sign]
    if [mutant.replacement for mutant in mutants] != [other]:
        raise Unplaceable(f"`{sign}` becomes something else than `{other}`")

    def write(out, site):
        begin, turn = out.bytes, mutants[0].switch
        out.raw(f"({turn} != (({turn} != (")
        out.piece(*left, inside=site)
        out.raw(f")) {sign} ({turn} != (")
        out.piece(*right, inside=site)
        out.raw("))))")
        out.spans.append(Span(begin, out.bytes, [mutants[0].number]))

    return write


def arithmetic(left, sign, right, mutants):
    """Both operands are computed once, as they are moved into the operator anyway."""

    def write(out, site):
        begin = out.bytes
        out.raw("(match ((")
        out.piece(*left, inside=site)
        out.raw("), (")
        out.piece(*right, inside=site)
        out.raw(")) { (mutant_l, mutant_r) => ")
        for mutant in mutants:
            out.raw(f"if {mutant.switch} {{ ")
            out.blame([mutant], f"mutant_l {mutant.replacement} mutant_r")
            out.raw(" } else ")
        out.raw(f"{{ mutant_l {sign} mutant_r }} }})")
        out.spans.append(Span(begin, out.bytes, [mutant.number for mutant in mutants]))

    return write


def unary(source, begin, end, mutants):
    """`!a` or `-a` without its operator."""
    operator = source.at(begin)
    operand = (source.tokens[operator + 1].start, source.operand(operator))
    site = Site(begin, operand[1], None, mutants)

    def write(out):
        start = out.bytes
        out.raw("(")
        for mutant in mutants:
            out.raw(f"if {mutant.switch} {{ ")
            first = out.bytes
            out.piece(*operand, inside=site)
            out.spans.append(Span(first, out.bytes, [mutant.number]))
            out.raw(" } else ")
        out.raw("{ " + source.tokens[operator].text)
        out.piece(*operand, inside=site)
        out.raw(" })")
        out.spans.append(Span(start, out.bytes, [mutant.number for mutant in mutants]))

    site.write = write
    return site


def guard(source, begin, end, mutants):
    """A guard that is always, or never, true."""
    always = [mutant for mutant in mutants if mutant.replacement == "true"]
    never = [mutant for mutant in mutants if mutant.replacement == "false"]
    if len(always) + len(never) != len(mutants):
        raise Unplaceable("a guard becomes something else than true or false")
    site = Site(begin, end, None, mutants)

    def write(out):
        start = out.bytes
        out.raw("(" + "".join(f"{mutant.switch} || " for mutant in always) + "(")
        out.raw("".join(f"!{mutant.switch} && " for mutant in never) + "(")
        out.piece(begin, end, inside=site)
        out.raw(")))")
        out.spans.append(Span(start, out.bytes, [mutant.number for mutant in mutants]))

    site.write = write
    return site


def arm(source, begin, end, mutants):
    """A match arm that is not taken."""
    arrow = source.arrow(begin, end)

    def write(out):
        out.blame(mutants, "if " + " && ".join(f"!{mutant.switch}" for mutant in mutants) + " ")

    return Site(arrow, arrow, write, mutants)


def field(source, begin, end, mutants):
    """A field of a struct literal that is taken from the literal's base instead."""
    first = source.at(begin)
    name = source.tokens[first].text
    path, base = source.literal(first)
    plain = source.tokens[first + 1].text != ":"
    last = source.text[begin:end].rstrip().rstrip(",").rstrip()
    value = (begin, begin + len(last)) if plain else (source.tokens[first + 2].start, begin + len(last))
    site = Site(value[0], value[1], None, mutants)

    def write(out):
        start, on = out.bytes, " || ".join(mutant.switch for mutant in mutants)
        out.raw(f"{name}: " if plain else "")
        out.raw(f"if {on} {{ let mutant_base: {path} = {base}; mutant_base.{name} }} else {{ ")
        out.piece(*value, inside=site)
        out.raw(" }")
        out.spans.append(Span(start, out.bytes, [mutant.number for mutant in mutants]))

    site.write = write
    return site


PLACE = {
    "FnValue": body,
    "BinaryOperator": binary,
    "UnaryOperator": unary,
    "MatchArmGuard": guard,
    "MatchArm": arm,
    "StructField": field,
}
