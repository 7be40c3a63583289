"""Seeds derive from the run seed, a purpose and a step, so a resumed run continues exactly."""

import hashlib


def derive_seed(run_seed: int, purpose: str, step: int = 0) -> int:
    """Return a 63-bit seed for one purpose and step (for example ``shuffle``, epoch 3)."""
    digest = hashlib.sha256(f"{run_seed}/{purpose}/{step}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
