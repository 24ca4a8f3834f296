"""What Numba compiles: bodies in Numba's types, nothing that torch knows. Imported at the first use of a kernel."""
