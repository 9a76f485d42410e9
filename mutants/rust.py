"""Just enough of Rust's grammar to find the operands of an operator.

The way in is `Source`. It does not parse: it splits a file into tokens, pairs the brackets, and walks from an operator
outwards to where its operands end. What tells `a * b` from `*b`, and `a < b` from `Vec<b>`, is the list of cargo-mutants,
which did parse: an operator that is not in its list is no operator between two operands.

It must never guess. Where the end of an operand is in doubt it raises `Unplaceable`, and the mutant is counted as such.
"""

import re
from bisect import bisect_left

# How tightly an operator binds its operands; what is absent ends an operand (`..`, `=`, `=>`, `,`, `;`).
BINDS = {
    **dict.fromkeys(["||"], 3),
    **dict.fromkeys(["&&"], 4),
    **dict.fromkeys(["==", "!=", "<", ">", "<=", ">="], 5),
    "|": 6,
    "^": 7,
    "&": 8,
    **dict.fromkeys(["<<", ">>"], 9),
    **dict.fromkeys(["+", "-"], 10),
    **dict.fromkeys(["*", "/", "%"], 11),
    **dict.fromkeys(["+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "<<=", ">>="], 1),
}
ENDS = {",", ";", "=>", "=", "..", "..=", "...", ":", "->", "@"}
# A word that begins an expression or a statement: nothing to its left belongs to an operand at its right.
BEGINS = {"return", "break", "if", "while", "match", "in", "else", "let", "yield", "move", "async", "unsafe", "loop", "for"}
# An operand that begins with one of these ends with a block, which needs a parser.
BLOCKS = {"match", "if", "unsafe", "loop", "async", "while", "for", "return", "break", "continue", "move", "let"}
OPENS = {"(": ")", "[": "]", "{": "}"}
CLOSES = {close: opening for opening, close in OPENS.items()}

TOKEN = re.compile(
    r"""
    (?P<space>\s+ | //[^\n]*)
  | (?P<comment>/\*)
  | (?P<char>b?'(?:\\(?:x[0-9a-fA-F]{2}|u\{[0-9a-fA-F_]+\}|.)|[^\\'\n])')
  | (?P<life>'[A-Za-z_]\w*)
  | (?P<number>\d[\w]*(?:\.\d[\w]*)?(?:[eE][+-]?\d+)?)
  | (?P<word>(?:r\#)?[A-Za-z_]\w*)
  | (?P<mark><<=|>>=|\.\.\.|\.\.=|::|->|=>|==|!=|<=|>=|&&|\|\||\+=|-=|\*=|/=|%=|\^=|&=|\|=|<<|>>|\.\.|.)
    """,
    re.VERBOSE | re.DOTALL,
)
STRING = re.compile(r'(?:b|c)?"(?:\\.|[^"\\])*"', re.DOTALL)
RAW = re.compile(r'(?:b|c)?r(#*)".*?"\1', re.DOTALL)


class Unplaceable(Exception):
    """The mutant cannot be put behind a switch; the text says why."""


class Token:
    """A piece of text that is neither space nor comment: where it stands, and what it says."""

    __slots__ = ("start", "end", "text", "word")

    def __init__(self, start, end, text, word):
        self.start, self.end, self.text, self.word = start, end, text, word


def tokens(text):
    """All tokens of a file, in order."""
    found, at = [], 0
    while at < len(text):
        string = STRING.match(text, at) or RAW.match(text, at)
        if string:
            found.append(Token(at, string.end(), string.group(), False))
            at = string.end()
            continue
        piece = TOKEN.match(text, at)
        if piece.lastgroup == "comment":
            at = comment_end(text, at)
            continue
        if piece.lastgroup != "space":
            found.append(Token(at, piece.end(), piece.group(), piece.lastgroup == "word"))
        at = piece.end()
    return found


def comment_end(text, at):
    """Where a block comment ends; they nest."""
    depth, mark = 0, re.compile(r"/\*|\*/")
    for piece in mark.finditer(text, at):
        depth += 1 if piece.group() == "/*" else -1
        if depth == 0:
            return piece.end()
    return len(text)


class Source:
    """One file: its text, its tokens, which brackets belong together, and which tokens are true operators."""

    def __init__(self, text):
        self.text = text
        self.lines = [0] + [at + 1 for at, sign in enumerate(text) if sign == "\n"]
        self.tokens = tokens(text)
        self.starts = [token.start for token in self.tokens]
        self.partner = self._pair()
        self.binary = set()

    def _pair(self):
        partner, open_at = {}, []
        for at, token in enumerate(self.tokens):
            if token.text in OPENS:
                open_at.append(at)
            elif token.text in CLOSES:
                opening = open_at.pop()
                if self.tokens[opening].text != CLOSES[token.text]:
                    raise Unplaceable(f"bracket at {token.start} closes another")
                partner[at], partner[opening] = opening, at
        return partner

    def offset(self, line, column):
        """Of a place as cargo-mutants gives it: both from 1, the column in characters."""
        return self.lines[line - 1] + column - 1

    def at(self, offset):
        """The number of the token that begins there."""
        number = bisect_left(self.starts, offset)
        if number == len(self.starts) or self.starts[number] != offset:
            raise Unplaceable("no token begins where the mutant is")
        return number

    def left(self, operator):
        """Where the left operand of a binary operator begins."""
        tokens, bound = self.tokens, BINDS[self.tokens[operator].text]
        begins, at = None, operator - 1
        while at >= 0:
            token = tokens[at]
            if token.text in CLOSES:
                if token.text == "}":
                    if at + 1 == operator or tokens[at + 1].text in {".", "?"}:
                        raise Unplaceable("the left operand ends with a block")
                    break
                opening = self.partner[at]
                if opening and tokens[opening - 1].text == "#":
                    break
                begins, at = opening, opening - 1
                continue
            if token.text in OPENS or token.text in ENDS or token.text in BEGINS:
                break
            if at in self.binary:
                if BINDS[token.text] < bound:
                    break
            elif token.text in {">", ">>"}:
                begins = self._generics_back(at)
                at = begins - 1
                continue
            elif token.text in {"|", "||", "<"}:
                break
            begins, at = at, at - 1
        if begins is None:
            raise Unplaceable("no left operand")
        return tokens[begins].start

    def right(self, operator):
        """Where the right operand of a binary operator ends."""
        tokens, bound = self.tokens, BINDS[self.tokens[operator].text]
        at = operator + 1
        if tokens[at].text in BLOCKS or tokens[at].text in {"{", "|", "||"}:
            raise Unplaceable("the right operand is a block, a jump or a closure")
        while at < len(tokens):
            token = tokens[at]
            if token.text in OPENS:
                if token.text == "{" and tokens[at - 1].text != "!":
                    break
                at = self.partner[at] + 1
                continue
            if token.text in CLOSES or token.text in ENDS or token.text == "else":
                break
            if at in self.binary:
                if BINDS[token.text] <= bound:
                    break
                if tokens[at + 1].text in BLOCKS:
                    raise Unplaceable("the right operand holds a block")
            elif token.text == "<":
                at = self._generics(at)
                continue
            at += 1
        if at == operator + 1:
            raise Unplaceable("no right operand")
        return tokens[at - 1].end

    def in_let_chain(self, operator):
        """Whether this `&&` joins `let`s: `if a && let B = c && d`. Those it is between, it would not be for `||`."""
        tokens = self.tokens
        if tokens[operator + 1].text == "let":
            return True
        at = operator - 1
        while at >= 0 and tokens[at].text not in OPENS and tokens[at].text not in {"if", "while", ";", ","}:
            if tokens[at].text == "}" and tokens[at + 1].text != "=":
                return False
            if tokens[at].text == "let":
                return tokens[at - 1].text in {"if", "while", "&&"}
            at = self.partner[at] - 1 if tokens[at].text in CLOSES else at - 1
        return False

    def is_const(self, function):
        """Whether the function that begins here, with its comments and attributes, is a `const fn`."""
        at = bisect_left(self.starts, function)
        while self.tokens[at].text != "fn":
            if self.tokens[at].text == "const":
                return True
            at = self.partner[at] + 1 if self.tokens[at].text in OPENS else at + 1
        return False

    def operand(self, operator):
        """Where the operand of a unary operator ends: prefixes, a path, a literal or a group, and what hangs on it."""
        tokens, at = self.tokens, operator + 1
        while tokens[at].text in {"!", "-", "*", "&", "&&", "mut"}:
            at += 1
        if tokens[at].text in BLOCKS or tokens[at].text == "{":
            raise Unplaceable("the operand is a block")
        if tokens[at].text == "<":
            raise Unplaceable("the operand begins with a type")
        at = self.partner[at] + 1 if tokens[at].text in OPENS else at + 1
        while at < len(tokens):
            text = tokens[at].text
            if text in {"(", "["}:
                at = self.partner[at] + 1
            elif text == "?":
                at += 1
            elif text in {".", "::"}:
                at = self._generics(at + 1) if tokens[at + 1].text == "<" else at + 2
            elif text == "!" and tokens[at + 1].text in OPENS:
                at = self.partner[at + 1] + 1
            else:
                break
        return tokens[at - 1].end

    def arrow(self, start, end):
        """Where the `=>` of a match arm stands, outside all brackets of its pattern."""
        at = self.at(start)
        while at < len(self.tokens) and self.tokens[at].start < end:
            text = self.tokens[at].text
            if text == "=>":
                return self.tokens[at].start
            at = self.partner[at] + 1 if text in OPENS else at + 1
        raise Unplaceable("a match arm without an arrow")

    def literal(self, field):
        """Of the struct literal around a field: the path before its brace, and the base after its `..`."""
        tokens, at = self.tokens, field
        while at >= 0 and tokens[at].text not in OPENS:
            at = self.partner[at] - 1 if tokens[at].text in CLOSES else at - 1
        opening, close = at, self.partner[at]
        base = at + 1
        while base < close and tokens[base].text != "..":
            base = self.partner[base] + 1 if tokens[base].text in OPENS else base + 1
        path = opening - 1
        while tokens[path].word and tokens[path - 1].text == "::":
            path -= 2
        if base >= close or not tokens[path].word:
            raise Unplaceable("a struct literal without a base or a plain name")
        name = self.text[tokens[path].start : tokens[opening - 1].end]
        return name, self.text[tokens[base].end : tokens[close].start].strip().rstrip(",")

    def _generics_back(self, at):
        depth = 0
        while at >= 0:
            depth += {">": 1, ">>": 2, "<": -1, "<<": -2}.get(self.tokens[at].text, 0)
            if depth <= 0:
                return at
            at -= 1
        raise Unplaceable("a `>` without its `<`")

    def _generics(self, at):
        depth = 0
        while at < len(self.tokens):
            depth += {"<": 1, "<<": 2, ">": -1, ">>": -2}.get(self.tokens[at].text, 0)
            at += 1
            if depth <= 0:
                return at
        raise Unplaceable("a `<` without its `>`")
