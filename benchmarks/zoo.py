"""Which public nets is folding measured on, on how small an input, and how does every norm of theirs come to matter?

torchvision's classification, segmentation and video families with batch norm, and timm's: of each the smallest member
but timm's miniatures for tests, and none of more than 60 million parameters but torchvision's VGG. Nothing is
downloaded: the weights are random. With random weights and fresh norms the signal dies out on the way, and a mistake
in an early norm would not show in the output; `enliven` sees to that.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

import peers
import torch
from torch import Tensor, nn

Shape = tuple[int, ...]


class Net(NamedTuple):
    """How a net is built, and what it is given.

    Attributes:
        image: the smallest sensible input, without the batch.
        batch: images of an example.
        images: whose statistics the norms get; at least two examples.
        options: what the net's maker takes besides.
    """

    image: Shape = (3, 64, 64)
    batch: int = 2
    images: int = 8
    options: Mapping[str, Any] = MappingProxyType({})


SMALL = Net()
INCEPTION = Net((3, 96, 96))
VIDEO = Net((3, 8, 64, 64), images=4)
TORCHVISION = {
    "vgg11_bn": SMALL,
    "resnet18": SMALL,
    "resnext50_32x4d": SMALL,
    "wide_resnet50_2": SMALL,
    "densenet121": SMALL,
    "inception_v3": Net((3, 96, 96), options={"init_weights": False}),
    "googlenet": Net(options={"init_weights": False}),
    "shufflenet_v2_x0_5": SMALL,
    "mobilenet_v2": SMALL,
    "mobilenet_v3_small": SMALL,
    "mnasnet0_5": SMALL,
    "efficientnet_b0": SMALL,
    "efficientnet_v2_s": SMALL,
    "regnet_x_400mf": SMALL,
    "regnet_y_400mf": SMALL,
    "maxvit_t": Net((3, 224, 224), batch=1, images=2),
    "fcn_resnet50": Net(options={"weights_backbone": None}),
    "deeplabv3_mobilenet_v3_large": Net(options={"weights_backbone": None}),
    "lraspp_mobilenet_v3_large": Net(options={"weights_backbone": None}),
    "r3d_18": VIDEO,
    "mc3_18": VIDEO,
    "r2plus1d_18": VIDEO,
    "s3d": Net((3, 13, 209, 209), batch=1, images=2),
}
AT_64 = Net(options={"img_size": 64})
TIMM = {
    "halonet_h1": Net((3, 256, 256), batch=1, images=4),
    "mobileone_s1": SMALL,
    "convmixer_768_32": SMALL,
    "cpubone_nano": SMALL,
    "cs3darknet_focus_s": SMALL,
    "cspnext_tiny": SMALL,
    "densenet121": SMALL,
    "dla46x_c": SMALL,
    "dpn48b": SMALL,
    "efficientformer_l1": Net((3, 224, 224), batch=1, images=4),
    "efficientformerv2_s0": AT_64,
    "mobilenetv2_035": SMALL,
    "efficientvim_m1": SMALL,
    "efficientvit_b0": SMALL,
    "efficientvit_m0": SMALL,
    "fasternet_t0": SMALL,
    "fastvit_t8": SMALL,
    "ghostnet_050": SMALL,
    "hardcorenas_b": SMALL,
    "hgnetv2_b0": SMALL,
    "hrnet_w18_small": SMALL,
    "iformer_t": SMALL,
    "inception_next_atto": SMALL,
    "inception_resnet_v2": INCEPTION,
    "inception_v3": INCEPTION,
    "inception_v4": INCEPTION,
    "lcnetv2_small": SMALL,
    "levit_128s": AT_64,
    "lowformer_b0": SMALL,
    "maxvit_pico_rw_256": AT_64,
    "mobilenetv3_small_050": SMALL,
    "mobilevit_xxs": SMALL,
    "nextvit_small": SMALL,
    "regnetx_002": SMALL,
    "repghostnet_050": SMALL,
    "repvit_m1": SMALL,
    "res2next50": SMALL,
    "resnest14d": SMALL,
    "resnet10t": SMALL,
    "resnetv2_18": SMALL,
    "rexnet_100": SMALL,
    "selecsls42": SMALL,
    "legacy_seresnet18": SMALL,
    "shvit_s1": SMALL,
    "skresnet18": SMALL,
    "starnet_s050": SMALL,
    "swiftformer_xs": SMALL,
    "tiny_vit_5m_224": SMALL,
    "tresnet_m": SMALL,
    "visformer_tiny": AT_64,
    "vit_small_resnet50d_s16_224": AT_64,
    "volo_d1_224": AT_64,
    "ese_vovnet19b_slim_dw": SMALL,
    "legacy_xception": SMALL,
    "xception41p": SMALL,
    "xcit_nano_12_p8_224": SMALL,
}
NETS = {f"torchvision/{name}": net for name, net in TORCHVISION.items()} | {
    f"timm/{name}": net for name, net in TIMM.items()
}
SAMPLE = (
    "torchvision/densenet121",
    "torchvision/googlenet",
    "torchvision/lraspp_mobilenet_v3_large",
    "torchvision/mc3_18",
    "timm/levit_128s",
    "timm/mobilenetv2_035",
    "timm/mobileone_s1",
    "timm/resnetv2_18",
)
"""Eight that differ: norms before convolutions, parallel branches, a dict for an output, three dimensions, `Linear`
with flattening between, norms with an activation inside, norms of nothing but the input, pre-activation."""


def seed_of(name: str) -> int:
    """Return a number that is the net's own in every process."""
    return zlib.crc32(name.encode())


def build(name: str) -> nn.Module:
    """Make a net with random weights, in evaluation mode."""
    net, (library, _, member) = NETS[name], name.partition("/")
    torch.manual_seed(seed_of(name))
    if library == "timm":
        return peers.load("timm").create_model(member, pretrained=False, **net.options).eval()
    return peers.load("torchvision").models.get_model(member, weights=None, **net.options).eval()


def images(name: str) -> Tensor:
    """Return noise of the net's input shape, the same every time."""
    net = NETS[name]
    return torch.randn(net.images, *net.image, generator=torch.Generator().manual_seed(seed_of(name)))


def example(name: str, which: int = 0) -> Tensor:
    """Return the first or the second few of the images whose statistics the norms have.

    Of others a deep net with random weights makes ever larger numbers, and rounding grows with them.
    """
    batch = NETS[name].batch
    return images(name)[which * batch : (which + 1) * batch]


def lively(name: str) -> nn.Module:
    """Make a net all of whose norms matter, in evaluation mode."""
    model = build(name)
    enliven(model, images(name), seed_of(name))
    return model


@torch.no_grad()
def enliven(model: nn.Module, x: Tensor, seed: int = 0) -> None:
    """Give each norm the statistics of one batch plus an offset, so that the signal arrives at the end.

    The norms get them in the order of their calls, so that each sees what the ones before it make of the batch. Their
    weights and biases become random, too, and factors that keep a branch small in an untrained net become about one.

    Args:
        model: in evaluation mode.
        x: the batch.
        seed: of the offsets.
    """
    generator = torch.Generator().manual_seed(seed)
    for parameter in _brakes(model):
        parameter.uniform_(0.5, 1.5, generator=generator)
    with _before_each_norm(model, lambda norm, values: _describe(norm, values, generator)):
        model(x)


def norms(model: nn.Module) -> list[nn.Module]:
    """Return all modules with running statistics."""
    return [module for module in model.modules() if getattr(module, "running_mean", None) is not None]


@torch.no_grad()
def influence(model: nn.Module, x: Tensor) -> float:
    """Return by how much the output moves, of its own largest value, when the first norm's input moves by a sigma."""
    called: list[nn.Module] = []
    with _before_each_norm(model, lambda norm, _: called.append(norm)):
        before = model(x)
    mean = called[0].running_mean
    kept = mean.clone()
    mean += called[0].running_var.sqrt()
    after = model(x)
    mean.copy_(kept)
    return distance(after, before)


def distance(found: object, expected: object) -> float:
    """Return the largest difference of nested outputs, each tensor's as a share of its largest value, in float64.

    Raises:
        ValueError: there are not the same tensors, or not of the same shapes.
    """
    ours, theirs = (
        [leaf for leaf in torch.utils._pytree.tree_leaves(value) if isinstance(leaf, Tensor)]
        for value in (found, expected)
    )
    if [leaf.shape for leaf in ours] != [leaf.shape for leaf in theirs]:
        raise ValueError(f"outputs of {[*map(_shape, theirs)]} became outputs of {[*map(_shape, ours)]}")
    return max(_distance(one.double(), other.double()) for one, other in zip(ours, theirs, strict=True))


def _distance(found: Tensor, expected: Tensor) -> float:
    worst = (found - expected).abs().max() / expected.abs().max()
    return float(worst.nan_to_num(nan=torch.inf))


def _shape(tensor: Tensor) -> Shape:
    return tuple(tensor.shape)


def _describe(norm: nn.Module, values: Tensor, generator: torch.Generator) -> None:
    var, mean = torch.var_mean(values.transpose(0, 1).flatten(1), dim=1, correction=0)
    # A channel that is constant in this batch, behind a ReLU, need not be so in the next.
    var = var.clamp(min=0.1 * float(var.mean()) + 1e-6)
    noise = torch.randn(mean.shape, generator=generator)
    norm.running_mean.copy_(mean + 0.3 * var.sqrt() * noise)
    norm.running_var.copy_(var * torch.empty(mean.shape).uniform_(0.8, 1.25, generator=generator))
    if norm.weight is not None:
        norm.weight.uniform_(0.5, 1.5, generator=generator)
    if norm.bias is not None:
        norm.bias.normal_(0, 0.3, generator=generator)


def _brakes(model: nn.Module) -> Iterator[Tensor]:
    """Find the factors of branches, as of LayerScale: parameters that are one small number all over, and no bias."""
    for name, parameter in model.named_parameters():
        is_bias = "bias" in name.rpartition(".")[2]
        if not is_bias and 0 <= parameter.flatten()[0] <= 1e-2 and bool((parameter == parameter.flatten()[0]).all()):
            yield parameter


@contextmanager
def _before_each_norm(model: nn.Module, see: Callable[[nn.Module, Tensor], object]) -> Iterator[None]:
    """Show each norm the first time that it is called, with its input, before it reads it."""
    seen: set[nn.Module] = set()

    def look(norm: nn.Module, args: tuple[Any, ...]) -> None:
        if norm not in seen:
            seen.add(norm)
            see(norm, args[0])

    handles = [norm.register_forward_pre_hook(look) for norm in norms(model)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
