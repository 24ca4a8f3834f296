"""What are the arguments of an operator called?"""

from typing import Any

from ._events import Operation


def arguments(operation: Operation) -> dict[str, Any]:
    """The arguments of an operator by their names, with the schema's defaults."""
    found: dict[str, Any] = {}
    for place, argument in enumerate(operation.func._schema.arguments):
        if place < len(operation.args):
            found[argument.name] = operation.args[place]
        elif argument.name in operation.kwargs:
            found[argument.name] = operation.kwargs[argument.name]
        else:
            found[argument.name] = argument.default_value if argument.has_default_value() else None
    return found
