"""What is a value called in a sentence that says what was passed?"""


def with_article(name: str) -> str:
    """Put the article before a name.

    Example:
        >>> with_article("Evaluation"), with_article("Prediction")
        ('an Evaluation', 'a Prediction')
    """
    return f"{'an' if name[:1] in tuple('AEIOUaeiou') else 'a'} {name}"


def its_type(value: object) -> str:
    """Name the type of a value, with its article.

    Example:
        >>> its_type(3), its_type([3]), its_type(None)
        ('an int', 'a list', 'None')
    """
    return "None" if value is None else with_article(type(value).__name__)
