"""Control flow that depends on the data, on shapes, on arguments or on chance: what was seen is not all there is."""

import random

import torch
from torch import nn

from ._case import EITHER, FOLDED, LEFT, NOT_FOLDED, RIGHT, Theme, draw, images, net

theme = Theme()
BRIGHT, DARK = images() + 2, images() - 2
BOTH = {"example": [BRIGHT, DARK], "further": (images(3, seed=1) + 2, images(1, seed=2) - 2)}
ONE = {"example": BRIGHT, "further": (images(3, seed=1) + 2, images(1, seed=2) - 2, DARK)}


def conv(cin=3, cout=4, k=3, **options):
    return nn.Conv2d(cin, cout, k, **options)


def bright(x):
    return bool(x.mean() > 0)


def two_norms(decide):
    """One convolution, and a norm for either branch."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn1(y) if decide(x) else m.bn2(y)

    return net(forward, conv=conv(), bn1=nn.BatchNorm2d(4), bn2=nn.BatchNorm2d(4))


def a_norm_or_none(decide):
    """The norm is passed by in one of the branches."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y) if decide(x) else y

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


def a_second_call(decide):
    """In one of the branches the convolution is called again, without the norm."""

    def forward(m, x):
        y = torch.relu(m.bn(m.conv(x)))
        return y if decide(x) else y + m.conv(x)

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


DECISIONS = {
    "by_a_truth": bright,
    "by_an_item": lambda x: x.mean().item() > 0,
    "by_a_list": lambda x: x.mean((0, 2, 3)).tolist()[0] > 0,
    "by_numpy": lambda x: x.detach().numpy().mean() > 0,
    "by_an_index": lambda x: [False, True][int(x.mean() > 0)],
    "by_nonzero": lambda x: len(torch.nonzero(x > 3)) > 0,
    "by_equality": lambda x: torch.equal(x, x.clamp(min=-1.5)),
}

for _name, _decide in DECISIONS.items():
    theme.add(
        f"two_norms_chosen_{_name}",
        lambda decide=_decide: two_norms(decide),
        {"bn1": NOT_FOLDED, "bn2": NOT_FOLDED},
        "Which norm reads the convolution depends on the data.",
        **BOTH,
    )
    theme.add(
        f"two_norms_chosen_{_name}_of_which_one_was_seen",
        lambda decide=_decide: two_norms(decide),
        {"bn1": RIGHT, "bn2": RIGHT},
        "The pass has read the data and decided by it: what it did not do, another may do.",
        **ONE,
    )

theme.add(
    "a_norm_passed_by",
    lambda: a_norm_or_none(bright),
    {"bn": NOT_FOLDED},
    "In one of the branches the raw output comes out.",
    **BOTH,
)
theme.add(
    "a_norm_passed_by_in_a_branch_not_seen",
    lambda: a_norm_or_none(bright),
    {"bn": RIGHT},
    "The raw output still lived when the data were read.",
    **ONE,
)
theme.add(
    "a_second_call_in_a_branch",
    lambda: a_second_call(bright),
    {"bn": NOT_FOLDED},
    "In one of the branches the raw output is read besides.",
    **BOTH,
)
theme.add(
    "a_second_call_in_a_branch_not_seen",
    lambda: a_second_call(bright),
    {"bn": RIGHT},
    "The raw output was gone when the data were read; the module can still be called.",
    **ONE,
)


@theme.wiring({"bn": FOLDED, "bn2": FOLDED}, **BOTH)
def an_early_exit():
    """Both branches have been seen, and in both each norm follows its own convolution."""

    def forward(m, x):
        y = torch.relu(m.bn(m.conv(x)))
        return y.mean((2, 3)) if bright(x) else m.bn2(m.conv2(y)).mean((2, 3))

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4), conv2=conv(4, 4), bn2=nn.BatchNorm2d(4))


@theme.wiring({"bn": RIGHT, "bn2": RIGHT}, **ONE)
def an_early_exit_that_was_taken():
    """What lies behind it was never seen."""

    def forward(m, x):
        y = torch.relu(m.bn(m.conv(x)))
        return y.mean((2, 3)) if bright(x) else m.bn2(m.conv2(y)).mean((2, 3))

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4), conv2=conv(4, 4), bn2=nn.BatchNorm2d(4))


@theme.wiring({"bn": FOLDED}, **BOTH)
def a_branch_behind_all_norms():
    """What is decided afterwards concerns no norm."""

    def forward(m, x):
        y = m.bn(m.conv(x))
        return y if bright(y) else -y

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn1": FOLDED, "bn2": FOLDED}, **BOTH)
def a_branch_with_a_block_each():
    """Each branch has a convolution and a norm of its own, and both were seen."""

    def forward(m, x):
        return m.bn1(m.a(x)) if bright(x) else m.bn2(m.b(x))

    return net(forward, a=conv(), bn1=nn.BatchNorm2d(4), b=conv(), bn2=nn.BatchNorm2d(4))


@theme.wiring({"bn1": EITHER | LEFT, "bn2": RIGHT}, **ONE)
def a_branch_with_a_block_each_of_which_one_was_seen():
    """Whatever is done to the unseen one must be right."""

    def forward(m, x):
        return m.bn1(m.a(x)) if bright(x) else m.bn2(m.b(x))

    return net(forward, a=conv(), bn1=nn.BatchNorm2d(4), b=conv(), bn2=nn.BatchNorm2d(4))


@theme.wiring({"bn": RIGHT}, example=images(), further=(images(3), 3 * images(), 5 * images(1)))
def a_loop_whose_count_depends_on_data():
    """Every round convolves and normalizes."""

    def forward(m, x):
        for _ in range(1 + int(x.abs().mean().item() > 1.5) * 2):
            x = torch.tanh(m.bn(m.conv(x)))
        return x

    return net(forward, conv=conv(cout=3, padding=1), bn=nn.BatchNorm2d(3))


@theme.wiring({"bn": NOT_FOLDED}, example=[images(), 5 * images()], further=(images(3), 5 * images(3)))
def a_loop_that_convolves_until_it_is_enough():
    """How often the convolution runs before its norm depends on the data."""

    def forward(m, x):
        y = m.conv(x)
        for _ in range(5):
            if y.abs().mean() < 0.5:
                break
            y = m.conv(y / y.abs().mean() / 2)
        return m.bn(y)

    return net(forward, conv=conv(cout=3, padding=1), bn=nn.BatchNorm2d(3))


@theme.wiring({"bn1": NOT_FOLDED, "bn2": NOT_FOLDED}, example=[images(2), images(5)], further=(images(1), images(7)))
def a_branch_by_the_number_of_samples():
    """Shapes are seen as numbers: only the examples say that there are two paths."""
    return two_norms(lambda x: x.shape[0] > 3)


@theme.wiring({"bn": FOLDED}, example=[images(), images(size=9)], further=(images(1), images(2, size=8)))
def a_branch_by_size_in_front_of_the_block():
    """Large images are made smaller first."""

    def forward(m, x):
        if x.shape[-1] > 6:
            x = nn.functional.avg_pool2d(x, 2)
        return m.bn(m.conv(x))

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring(
    {"norms.0": NOT_FOLDED, "norms.1": NOT_FOLDED},
    example=[(images(), 0), (images(), 1)],
    further=((images(3), 0), (images(3), 1)),
)
def a_norm_by_an_argument():
    """Domain-specific batch norm: a number says which."""
    return net(
        lambda m, x, domain: m.norms[domain](m.conv(x)),
        conv=conv(),
        norms=nn.ModuleList(nn.BatchNorm2d(4) for _ in range(2)),
    )


@theme.wiring(
    {"bn": NOT_FOLDED},
    example=[{"x": images()}, {"x": images(), "raw": True}],
    further=({"x": images(3), "raw": True}, {"x": images(3), "raw": False}),
)
def a_norm_passed_by_for_an_argument():
    """A keyword with a default."""
    return net(lambda m, x, raw=False: m.conv(x) if raw else m.bn(m.conv(x)), conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring(
    {"bn": NOT_FOLDED},
    example=[draw(2, 3, 6, 6), draw(3, 6, 6)],
    further=(draw(1, 3, 6, 6, seed=1), draw(3, 6, 6, seed=1), draw(3, 8, 8, seed=2)),
)
def a_norm_that_refuses_and_is_asked_again():
    """One image without its batch axis: the norm's exception is caught, and the images pass through a ReLU first."""

    def forward(m, x):
        y = torch.relu(m.conv(x))
        try:
            return m.bn(y)
        except ValueError:
            return m.bn(y[None])[0]

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": RIGHT}, example=draw(2, 3, 6, 6), further=(draw(1, 3, 6, 6, seed=1), draw(3, 6, 6, seed=1)))
def a_norm_that_refuses_what_was_not_seen():
    """As before, with images alone as example: what stands in the norm's place must not scale the rows."""

    def forward(m, x):
        y = torch.relu(m.conv(x))
        try:
            return m.bn(y)
        except ValueError:
            return m.bn(y[None])[0]

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": FOLDED})
def an_exception_that_is_caught():
    """A layer that cannot be used is passed by."""

    def forward(m, x):
        try:
            x = m.broken(x)
        except RuntimeError:
            x = x + 1
        return m.bn(m.conv(x))

    return net(forward, broken=conv(cin=7), conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": NOT_FOLDED | RIGHT})
def an_exception_behind_the_convolution():
    """The convolution's output is lost in an exception, and made again."""

    def forward(m, x):
        try:
            y = m.conv(x)
            m.broken(y)
        except RuntimeError:
            y = m.conv(x)
        return m.bn(y)

    return net(forward, broken=conv(cin=7), conv=conv(), bn=nn.BatchNorm2d(4))


SEEDS = {"example": images(), "further": tuple(images(seed=seed) for seed in range(8)), "twin": False}
"""Calls with random numbers of their own, which float64 would draw differently: each call of a test has its seed."""


@theme.wiring({"bn": NOT_FOLDED}, **SEEDS)
def a_norm_passed_by_at_random():
    """Python's random numbers decide."""
    return a_norm_or_none(lambda x: random.random() < 0.5)  # noqa: S311


@theme.wiring({"bn1": RIGHT, "bn2": RIGHT}, **SEEDS)
def two_norms_chosen_at_random():
    """torch's random numbers decide."""
    return two_norms(lambda x: bool(torch.rand(()) < 0.5))


@theme.wiring({"bn": NOT_FOLDED}, **SEEDS)
def noise_in_front_of_the_norm():
    """The raw output is not the convolution's."""

    def forward(m, x):
        y = m.conv(x)
        return m.bn(y + torch.randn_like(y))

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": RIGHT}, **SEEDS)
def noise_behind_the_norm():
    """Two passes never give the same; with the same seed they do."""

    def forward(m, x):
        y = m.bn(m.conv(x))
        return y + torch.randn_like(y)

    return net(forward, conv=conv(), bn=nn.BatchNorm2d(4))


@theme.wiring({"bn": RIGHT}, **SEEDS)
def noise_on_the_input():
    """The block itself is certain, what it is given is not."""
    return net(lambda m, x: m.bn(m.conv(x + torch.rand_like(x))), conv=conv(), bn=nn.BatchNorm2d(4))
