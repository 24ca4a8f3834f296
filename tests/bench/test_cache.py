"""Is the last-level cache read from the system's folder, and is all of it swept?"""

from pathlib import Path

from batchnorm.bench import Sweep, last_level_cache
from batchnorm.bench._cache import UNKNOWN


def put(devices: Path, processor: int, *caches: tuple[int, str, str, str]) -> None:
    """Write what Linux says about one processor's caches: level, type, size, who shares it."""
    for number, values in enumerate(caches):
        folder = devices / f"cpu{processor}" / "cache" / f"index{number}"
        folder.mkdir(parents=True)
        for name, value in zip(("level", "type", "size", "shared_cpu_list"), values, strict=True):
            (folder / name).write_text(f"{value}\n")


def test_a_cache_that_processors_share_counts_once(tmp_path) -> None:
    for processor in (0, 1):
        own = (1, "Data", "32K", str(processor))
        put(tmp_path, processor, own, (2, "Unified", "512K", str(processor)), (3, "Unified", "32768K", "0-1"))
    assert last_level_cache((0, 1), tmp_path) == 32 << 20


def test_caches_of_two_parts_of_a_processor_are_added_and_those_not_used_are_not(tmp_path) -> None:
    for processor, shared in ((0, "0-1"), (1, "0-1"), (2, "2-3"), (4, "4-5")):
        put(tmp_path, processor, (3, "Unified", "16M", shared))
    assert last_level_cache((0, 1, 2), tmp_path) == 32 << 20


def test_a_processor_whose_last_level_is_the_second_has_that(tmp_path) -> None:
    put(tmp_path, 0, (1, "Data", "48K", "0"), (1, "Instruction", "64K", "0"), (2, "Unified", "1M", "0"))
    assert last_level_cache((0,), tmp_path) == 1 << 20


def test_a_cache_of_instructions_alone_is_none(tmp_path) -> None:
    put(tmp_path, 0, (1, "Data", "32K", "0"), (1, "Instruction", "64K", "0"))
    assert last_level_cache((0,), tmp_path) == 32 << 10


def test_where_the_system_says_nothing_a_large_one_is_assumed(tmp_path) -> None:
    assert last_level_cache((0,), tmp_path / "nowhere") == UNKNOWN


def test_the_sweep_reads_twice_the_cache() -> None:
    sweep = Sweep(1 << 20)
    assert sweep.bytes == sweep.buffer.nbytes == 2 << 20
    sweep()
    assert sweep.buffer.sum() == sweep.buffer.numel()
