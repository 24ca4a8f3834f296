"""Which characters may stand in a table?"""


def one_line(text: str) -> str:
    r"""Return text in one line, without what would steer a terminal; names of classes and files may hold anything.

    Example:
        >>> one_line("two\nlines"), one_line("\x1b[31mred")
        ('two lines', '�[31mred')
    """
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
