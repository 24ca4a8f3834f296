"""What is raised where kernels cannot be used, so that a caller may take another way."""


class UnusableKernelsError(RuntimeError):
    """There is no way to a kernel's code: what compiles it is missing, or broken."""
