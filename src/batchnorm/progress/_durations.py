"""How long does something take, in words?"""


def duration_text(seconds: float) -> str:
    """Return a duration in its two largest units.

    Example:
        >>> duration_text(65.2), duration_text(0.4), duration_text(30_000), duration_text(12)
        ('1 min 5 s', 'less than 1 s', '8 h 20 min', '12 s')
    """
    if seconds < 1:
        return "less than 1 s"
    if seconds >= 3600:
        return "{} h {} min".format(*divmod(round(seconds / 60), 60))
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def about(seconds: float) -> str:
    """Return it as an estimate.

    Example:
        >>> about(65), about(0.2)
        ('about 1 min 5 s', 'less than 1 s')
    """
    return f"about {duration_text(seconds)}".replace("about less", "less")
