"""How does a training say what a verb refuses that it was to call at its end, with less to choose than the verb has?"""

from ..errors import ForPython, Setting, Words, in_python, reworded


def when_trained(words: Words, verb: str) -> Words:
    """Return what `verb` says with the training's own option in the place of its method; others can be had later.

    Example:
        >>> from batchnorm.errors import worded
        >>> worded(when_trained(("Pass ", Setting("verify", False), "."), "fold"))
        'Pass verify=False to batchnorm.fold once it is trained.'
    """

    def change(setting: Setting) -> Words:
        if setting.name == "method":
            return Setting("recalibrate", setting.value)
        return ForPython(
            f"{in_python(setting)} to batchnorm.{verb} once it is trained",
            otherwise=(setting, f" to `batchnorm {verb}` once it is trained"),
        )

    return reworded(words, change)
