"""What is left of batch norm in an exported model, folded beforehand or not, and is it the same function?

`python benchmarks/shipped_graphs.py` exports public nets and two of ours by every way of `exporters.py`, once as they
are and once after `batchnorm.fold`, and prints a page. Nothing here is a time; it takes about three minutes.
"""

import argparse
import copy
import platform
import shlex
import sys
from typing import NamedTuple

import onnx
import onnxruntime
import onnxscript
import peers
import torch
import zoo
from accuracy import processor
from exporters import EXPORTERS, Shipped, export
from torch import Tensor, nn

from batchnorm import __version__, fold, models

OURS = {"batchnorm/ConvBNNet": models.ConvBNNet, "batchnorm/resnet20": models.resnet20}
NETS = (*OURS, "torchvision/resnet18", *zoo.SAMPLE)
TITLE = """\
# Batch norm in exported models

Output of `benchmarks/shipped_graphs.py`. Public nets, random weights, and norms that matter (`benchmarks/zoo.py`), as
they are (before the arrow) and after `batchnorm.fold` (behind it). A norm is an operator of batch norm in the exported
graph.
"""


class Case(NamedTuple):
    """What was exported of one net by one way: as it was, and folded."""

    plain: Shipped
    folded: Shipped


def prepared(name: str) -> tuple[nn.Module, Tensor]:
    """Make a net in evaluation mode, and an example."""
    if name not in OURS:
        return zoo.lively(name), zoo.example(name)
    torch.manual_seed(zoo.seed_of(name))
    model = OURS[name]().eval()
    images = torch.randn(8, 1, 28, 28)
    zoo.enliven(model, images)
    return model, images[:2]


@torch.no_grad()
def rows(name: str) -> tuple[str, ...]:
    """Return a net's row in each of the four tables."""
    model, x = prepared(name)
    expected, single = copy.deepcopy(model).double()(x.double()), model(x)
    folded = copy.deepcopy(model)
    outcomes = [norm.outcome for norm in fold(folded, x).norms]
    become = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in sorted({*outcomes}))
    cases = {way: Case(export(way, model, x), export(way, folded, x)) for way in EXPORTERS}
    found = [[zoo.distance(_flat(shipped.run(x)), _flat(expected)) for shipped in case] for case in cases.values()]
    norms = [f"{plain.norms} → {after.norms}" for plain, after in cases.values()]
    operators = [f"{len(plain.operators)} → {len(after.operators)}" for plain, after in cases.values()]
    sizes = [f"{plain.size / 1e6:.2f} → {after.size / 1e6:.2f}" for plain, after in cases.values()]
    errors = [f"{before:.0e} → {after:.0e}" for before, after in found]
    own = f"{zoo.distance(single, expected):.0e}"
    return _row(name, become, *norms), _row(name, *operators), _row(name, *sizes), _row(name, own, *errors)


def _flat(output: object) -> list[Tensor]:
    """Return the tensors of an output in their order, which is all that ONNX keeps of it."""
    return [leaf for leaf in torch.utils._pytree.tree_leaves(output) if isinstance(leaf, Tensor)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _table(*columns: str) -> list[str]:
    return [_row(*columns), f"|{'---|' * len(columns)}"]


def main() -> None:
    """Export, and print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="+", default=NETS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    ways = list(EXPORTERS)
    tables = {
        "Norms in the graph, and what `fold` had made of them:": _table("net", "`fold`", *ways),
        "All operators of the graph:": _table("net", *ways),
        "Megabytes of the file:": _table("net", *ways),
        "Largest difference from the unfolded net in float64, as a share of the largest output:": _table(
            "net", "the unfolded net itself, in float32", *ways
        ),
    }
    for name in given.nets:
        for lines, line in zip(tables.values(), rows(name), strict=True):
            lines.append(line)
        print(name, file=sys.stderr, flush=True)
    versions = {"batchnorm": __version__, "torch": torch.__version__, "python": platform.python_version()}
    versions |= {module.__name__: module.__version__ for module in (onnx, onnxruntime, onnxscript)}
    versions |= {name: peers.load(name).__version__ for name in ("timm", "torchvision")}
    print(TITLE)
    print(f"```\ncommand: python benchmarks/shipped_graphs.py {shlex.join(sys.argv[1:])}".rstrip())
    print(f"machine: {processor()}, {torch.get_num_threads()} thread (nothing here is a time)")
    print(f"versions: {', '.join(f'{name} {version}' for name, version in versions.items())}\n```\n")
    print("\n\n".join("\n".join([title, "", *lines]) for title, lines in tables.items()))


if __name__ == "__main__":
    main()
