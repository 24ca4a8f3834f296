"""Is a kernel right whatever is found, or not found, in the cache folder, and is the file whole afterwards?"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import _compiler, _numba, _objects

from .conftest import KERNEL
from .processes import python


@pytest.fixture(autouse=True)
def _fresh_fingerprint() -> Iterator[None]:
    """What the code depends on is asked once per process; these tests change it."""
    _objects.fingerprint.cache_clear()
    yield
    _objects.fingerprint.cache_clear()


def test_a_kernel_is_compiled_once_and_loaded_from_then_on(cache):
    for _ in range(3):
        cache.use()
        cache.new_process()
    assert cache.compiled == 1


def test_a_process_asks_for_a_kernel_once(cache):
    cache.use()
    cache.file.unlink()
    cache.use()
    assert cache.compiled == 1


def test_the_cache_folder_is_the_one_that_the_environment_names(cache):
    cache.use()
    assert cache.file.parent.parent == cache.folder / "kernels"
    assert [path.name for path in cache.file.parent.iterdir()] == ["rows-forward-float32-identity-false.o"]


def signed(head: bytes, code: bytes) -> bytes:
    """A file with the right digest of the wrong code."""
    symbol = head.split()[0].decode()
    names = json.dumps([_objects.fingerprint(), f"{KERNEL}.o", symbol]).encode()
    return f"{symbol} {hashlib.sha256(names + code).hexdigest()}\n".encode() + code


def missing_symbol() -> bytes:
    """Object code that calls what is nowhere."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    text = "declare void @nowhere() \n define void @SYMBOL() { call void @nowhere() ret void }"
    machine = binding.Target.from_default_triple().create_target_machine(reloc="pic", codemodel="default")
    return machine.emit_object(binding.parse_assembly(text))


DAMAGE = {
    "empty": lambda head, code: b"",
    "cut within the first line": lambda head, code: head[:20],
    "cut behind the first line": lambda head, code: head + b"\n",
    "cut in the middle": lambda head, code: head + b"\n" + code[: len(code) // 2],
    "without its last byte": lambda head, code: head + b"\n" + code[:-1],
    "a bit turned": lambda head, code: head + b"\n" + code[:999] + bytes([code[999] ^ 1]) + code[1000:],
    "another digest": lambda head, code: head[:-1] + (b"0" if head[-1:] != b"0" else b"1") + b"\n" + code,
    "garbage": lambda head, code: bytes(range(256)) * 40,
    "garbage, signed": lambda head, code: signed(head, bytes(range(256)) * 40),
    "nothing, signed": lambda head, code: signed(head, b""),
    "cut, signed": lambda head, code: signed(head, code[: len(code) // 2]),
    "another symbol, signed": lambda head, code: signed(b"other", code),
    "it needs a function that there is not": lambda head, code: signed(b"SYMBOL", missing_symbol()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_broken_file_is_compiled_anew_and_replaced(cache, damage, capfd):
    cache.use()
    whole = cache.file.read_bytes()
    cache.file.write_bytes(DAMAGE[damage](*whole.split(b"\n", 1)))
    cache.new_process()
    cache.use()
    assert cache.compiled == 2
    assert cache.file.read_bytes() == whole
    assert capfd.readouterr() == ("", "")


def test_the_file_of_another_kernel_is_compiled_anew_and_replaced(cache):
    """Its code, called with these arguments, would end the process."""
    cache.use()
    whole = cache.file.read_bytes()
    other = cache.file.with_name("columns-forward-float32-relu-false.o")
    _objects.save(other, *_parts_of(whole))
    assert _objects.load(other)
    cache.file.write_bytes(other.read_bytes())
    assert _objects.load(cache.file) is None
    cache.new_process()
    cache.use()
    assert cache.file.read_bytes() == whole


def test_the_file_of_another_version_is_not_loaded(cache):
    cache.use()
    elsewhere = cache.file.parent.with_name("0123456789abcdef") / cache.file.name
    elsewhere.parent.mkdir()
    shutil.copy(cache.file, elsewhere)
    assert _objects.load(elsewhere) is None


def test_a_pipe_in_the_place_of_the_file_is_not_waited_for(cache):
    cache.file.parent.mkdir(parents=True)
    os.mkfifo(cache.file)
    cache.use()
    assert cache.compiled == 1


def _parts_of(whole: bytes) -> tuple[str, bytes]:
    head, code = whole.split(b"\n", 1)
    return head.split()[0].decode(), code


def test_a_folder_in_the_place_of_the_file_costs_a_compilation_in_each_process(cache):
    cache.file.mkdir(parents=True)
    for _ in range(2):
        cache.new_process()
        cache.use()
    assert cache.compiled == 2


def test_a_file_in_the_place_of_the_folder_costs_a_compilation_in_each_process(cache):
    """As a folder that cannot be written, of which root knows nothing."""
    cache.folder.write_text("in the way", encoding="utf-8")
    for _ in range(2):
        cache.new_process()
        cache.use()
    assert cache.compiled == 2
    assert cache.folder.read_text(encoding="utf-8") == "in the way"


def test_a_full_disk_costs_a_compilation_in_each_process(cache, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for _ in range(2):
        cache.new_process()
        cache.use()
    assert cache.compiled == 2
    assert list(cache.file.parent.iterdir()) == []


def test_a_file_that_may_not_be_read_is_compiled_anew(cache, monkeypatch):
    cache.use()
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.suffix == ".o":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    cache.new_process()
    cache.use()
    assert cache.compiled == 2


def test_without_a_home_folder_kernels_are_compiled_and_nothing_is_kept(cache, monkeypatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("BATCHNORM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cpu.folder() is None
    cache.use()
    assert cache.compiled == 1
    assert cpu.kept_kernels() == 0


def test_code_that_cannot_be_linked_even_when_it_is_new_is_run_where_numba_has_it(cache, monkeypatch):
    monkeypatch.setattr(_objects, "link", lambda *_: None)
    cache.use()
    assert not cache.file.exists()


def test_eight_threads_that_ask_at_once_compile_once(cache):
    def ask(_: int) -> int:
        ready.wait()
        return cpu.address_of(KERNEL)

    ready = threading.Barrier(8, timeout=20)
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert cache.compiled == 1


def test_after_ctrl_c_in_the_compiler_the_next_call_compiles(cache, monkeypatch):
    def interrupted(_: cpu.Kernel) -> _numba.Made:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_numba, "make_kernel", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            cache.use()
    cache.use()
    assert cache.compiled == 1


def test_a_numba_that_cannot_be_imported_is_an_error_with_its_reason(cache, monkeypatch):
    def broken(_: cpu.Kernel) -> _numba.Made:
        raise ImportError("Numba needs NumPy 2.4 or less")

    monkeypatch.setattr(_numba, "make_kernel", broken)
    monkeypatch.setattr(_compiler, "_BROKEN", [])
    with pytest.raises(RuntimeError, match=r"numba, which .* cannot be imported: Numba needs NumPy 2\.4 .*native"):
        cpu.address_of(KERNEL)
    assert not cpu.available()


# What the code depends on


def test_another_processor_does_not_get_this_ones_code(cache, monkeypatch):
    from llvmlite import binding

    cache.use()
    mine = cache.file
    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "z80")
    _objects.fingerprint.cache_clear()
    cache.new_process()
    cache.use()
    assert cache.compiled == 2
    assert mine.exists()
    assert cache.file != mine


def test_a_processor_with_other_abilities_has_another_folder(cache, monkeypatch):
    from llvmlite import binding

    before = cpu.folder()
    features = binding.get_host_cpu_features()
    features["avx2"] = not features.get("avx2", False)
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: features)
    _objects.fingerprint.cache_clear()
    assert cpu.folder() != before


@pytest.mark.parametrize("package", ["numba", "llvmlite"])
def test_another_version_has_another_folder(cache, monkeypatch, package):
    before, real = cpu.folder(), _objects.version
    monkeypatch.setattr(_objects, "version", lambda name: "99" if name == package else real(name))
    _objects.fingerprint.cache_clear()
    assert cpu.folder() != before


SOURCES = sorted(path.name for path in (Path(_objects.__file__).parent / "jit").glob("*.py"))


def test_a_change_in_any_source_of_the_kernels_is_another_folder(cache, monkeypatch, tmp_path):
    package = shutil.copytree(Path(_objects.__file__).parent, tmp_path / "cpu")
    monkeypatch.setattr(_objects, "__file__", str(package / "_objects.py"))
    found = [cpu.folder()]
    for name in ("_numba.py", *(f"jit/{source}" for source in SOURCES)):
        with (package / name).open("a", encoding="utf-8") as file:
            file.write("\n")
        _objects.fingerprint.cache_clear()
        found.append(cpu.folder())
    assert len(set(found)) == len(SOURCES) + 2


def test_a_change_elsewhere_is_the_same_folder(cache, monkeypatch, tmp_path):
    before = cpu.folder()
    package = shutil.copytree(Path(_objects.__file__).parent, tmp_path / "cpu")
    (package / "_calls.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(_objects, "__file__", str(package / "_objects.py"))
    _objects.fingerprint.cache_clear()
    assert cpu.folder() == before


@pytest.mark.parametrize(("name", "changes"), [("NUMBA_OPT", True), ("NUMBA_NUM_THREADS", False)])
def test_a_setting_of_numbas_changes_the_folder_if_it_can_change_the_code(cache, monkeypatch, name, changes):
    before = cpu.folder()
    monkeypatch.setenv(name, "1")
    _objects.fingerprint.cache_clear()
    assert (cpu.folder() != before) == changes


# In processes of their own


def test_with_a_warm_cache_numba_is_not_imported_and_importing_us_loads_neither_library():
    for make in ("forward", "backward"):
        cpu.address_of(cpu.Kernel("rows", make, "float32", ("relu", False)))
    python("""
assert "numba" not in sys.modules and "llvmlite" not in sys.modules
fused()
assert "llvmlite" in sys.modules
assert "numba" not in sys.modules
""")


@pytest.mark.slow
def test_two_processes_that_compile_the_same_kernel_at_once_both_get_it_and_leave_one_whole_file(tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from batchnorm.kernels import cpu
from batchnorm.kernels.cpu import _numba
make_kernel = _numba.make_kernel

def both_at_once(kernel):
    made = make_kernel(kernel)
    Path(sys.argv[1]).touch()
    while not Path(sys.argv[2]).exists():
        time.sleep(0.01)
    return made

_numba.make_kernel = both_at_once
assert cpu.address_of({KERNEL!r})
print(cpu.folder())
""".replace("Kernel(", "cpu.Kernel(")
    marks = [str(tmp_path / "one"), str(tmp_path / "other")]
    environment = {**os.environ, "BATCHNORM_CACHE": str(tmp_path / "cache")}
    running = [
        subprocess.Popen([sys.executable, "-c", code, *order], env=environment, text=True, stdout=subprocess.PIPE)
        for order in (marks, marks[::-1])
    ]
    said = [process.communicate(timeout=120)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0]
    (file,) = Path(said[0]).iterdir()
    assert said[0] == said[1]
    assert file.name == f"{KERNEL}.o"
    assert _objects.load(file)
