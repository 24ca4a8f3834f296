"""Which characters may stand in a table?"""


def one_line(text: str) -> str:
    r"""Return text in one line, with escapes for what would steer a terminal; names of files may hold anything.

    Example:
        >>> print(one_line("two\nlines"), one_line("\x1b[31mred"), one_line("caf\udce9"))
        two lines \x1b[31mred caf\udce9
    """
    return "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    return " " if letter.isspace() else letter.encode("unicode_escape").decode()
