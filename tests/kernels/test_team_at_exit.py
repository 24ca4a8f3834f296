"""Do the kernels work while the interpreter is ending, when it starts no more threads?"""

from .processes import python


def test_a_handler_of_atexit_computes_the_same():
    said = python("""
import atexit
expected = fused(1)
runners = [RUNNERS["openmp"], RUNNERS["pool"], cpu.pool()]  # and a pool that has not been used before
for runner in runners[:2]:
    fused(2, runner)
atexit.register(lambda: print(all(fused(2, runner) == expected for runner in runners)))
""")
    assert said == "True\n"


def test_a_thread_that_outlives_the_main_one_computes_the_same():
    said = python("""
import time
expected = fused(1)
fused(2, RUNNERS["pool"])

def work():
    threading.main_thread().join()
    time.sleep(0.1)
    print(all(fused(2, runner) == expected for runner in (RUNNERS["openmp"], RUNNERS["pool"], cpu.pool())))

threading.Thread(target=work).start()
""")
    assert said == "True\n"


def test_daemon_threads_in_the_middle_of_kernels_let_the_process_end():
    """Kernels alone: torch's own operators abort a process that ends while a daemon thread is in one (2.13)."""
    python("""
import time
from batchnorm.kernels.cpu._launch import Launch
from batchnorm.kernels.cpu._plan import plan_of
from batchnorm.kernels.cpu.jit.slots import MEAN, TICKET, VAR, Y

def work(runner):
    launch = Launch(plan_of(X.shape, X.stride(), X.dtype, "forward", "relu"), X)
    launch.place(Y, torch.empty_like(X))
    launch.place(MEAN, torch.zeros(16, dtype=torch.float64))
    launch.place(VAR, torch.zeros(16, dtype=torch.float64))
    launch.run()
    kernel = cpu.address_of(cpu.Kernel("rows", "forward", "float32", ("relu", False)))
    begun.wait()
    while True:
        launch.values[TICKET] = 0
        runner(kernel, launch.values.buffer_info()[0], 2)

begun = threading.Barrier(3)
for runner in (RUNNERS["openmp"], RUNNERS["pool"]):
    threading.Thread(target=work, args=(runner,), daemon=True).start()
begun.wait()
time.sleep(0.2)
""")
