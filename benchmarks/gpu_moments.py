"""What do the exact moments of a tensor on a GPU cost, beside torch's in float32 and a copy of the tensor?

`python benchmarks/gpu_moments.py` prints, for shapes of common nets, the median milliseconds of `exact_moments`, of
`torch.var_mean(x.float())`, and of `clone`; of the first two also the largest |log ratio| of the variance to float64's.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from triton.testing import do_bench

from batchnorm.functional import exact_moments

SHAPES = [
    (128, 16, 28, 28),
    (128, 64, 112, 112),
    (128, 64, 56, 56),
    (128, 256, 56, 56),
    (128, 512, 7, 7),
    (128, 2048, 7, 7),
    (512, 1024),
]
WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "ours": lambda x: exact_moments(x).var,
    "float32": lambda x: torch.var_mean(x.float(), [0, *range(2, x.dim())], correction=0)[0],
    "copy": torch.clone,
}


def measured(name: str, x: Tensor) -> str:
    """One way's milliseconds, and its error."""
    milliseconds = do_bench(lambda: WAYS[name](x), warmup=10, rep=40, return_mode="median")
    if name == "copy":
        return f"{name} {milliseconds:.3f}"
    truth = torch.var_mean(x.double(), [0, *range(2, x.dim())], correction=0)[0]
    return f"{name} {milliseconds:.3f} {float((WAYS[name](x) / truth).log().abs().max()):.0e}"


def main() -> None:
    """Print a line for each tensor."""
    print(torch.cuda.get_device_name(), torch.__version__)
    for shape in SHAPES:
        for dtype in (torch.float32, torch.float16):
            for layout in ("", "CL") if len(shape) == 4 else ("",):
                x = (torch.randn(shape, device="cuda") * 2 + 3).to(dtype)
                x = x.to(memory_format=torch.channels_last) if layout else x
                line = "; ".join(measured(name, x) for name in WAYS)
                print(shape, str(dtype).removeprefix("torch."), layout, "|", line, flush=True)


if __name__ == "__main__":
    main()
