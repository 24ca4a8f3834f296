"""What did a model's own switch to evaluation change, and how does that alone go back?"""

from typing import Any

from torch import nn

_MISSING = object()
_Held = list[tuple[nn.Module, dict[str, Any]]]


class Switch:
    """The attributes of a model's modules before its own `eval()`, and which of them that changed.

    What is written between the two switches, by whoever runs the model, stays; but tables that it made for evaluation
    would be old ones after the next step of a training. So a model that was in training is switched back by its own
    `train()`, which throws them away.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._before = _held(model)
        self._modes = [(module, module.training) for module in model.modules()]
        self._changed: list[tuple[nn.Module, str]] | None = None

    def made(self) -> None:
        """Note that the switch has been made: whatever changes from now on is somebody else's."""
        self._changed = _differences(self._before)

    def put_back(self) -> None:
        """Give every attribute that the switch changed the value that it had, or take it away again."""
        present = _held(self._model)
        try:
            if any(mode for _, mode in self._modes):
                self._model.train()
        finally:
            resting = {id(module) for module, mode in self._modes if not mode}
            _write([(module, held) for module, held in present if id(module) in resting], _differences(present))
            _write(self._before, _differences(self._before) if self._changed is None else self._changed)
            for module, mode in self._modes:
                if module.training != mode:
                    module.training = mode  # a script keeps it elsewhere


def _held(model: nn.Module) -> _Held:
    return [(module, dict(vars(module))) for module in model.modules()]


def _differences(before: _Held) -> list[tuple[nn.Module, str]]:
    return [
        (module, name)
        for module, held in before
        for name in dict.fromkeys((*held, *vars(module)))
        if vars(module).get(name, _MISSING) is not held.get(name, _MISSING)
    ]


def _write(before: _Held, names: list[tuple[nn.Module, str]]) -> None:
    """Set these attributes to what they were, of the modules that are among `before`."""
    known = {id(module): held for module, held in before}
    for module, name in names:
        if id(module) in known:
            value = known[id(module)].get(name, _MISSING)
            if value is _MISSING:
                vars(module).pop(name, None)
            else:
                vars(module)[name] = value
