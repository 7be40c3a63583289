"""A training step that is recorded once as a CUDA graph and then replayed.

A step consists of about a hundred short kernels. A GPU computes them faster than Python launches
them; a graph launches them all at once.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Step = Callable[[Tensor, Tensor], Tensor]
# In the first steps, libraries allocate their workspaces, which cannot be recorded.
WARM_UP_STEPS = 3


def has_graphs(device: torch.device) -> bool:
    """Whether steps can be recorded and replayed on a device."""
    return device.type == "cuda"


class GraphedStep:
    """Replays a step for batches of one size, and computes the smaller last batch as it is."""

    def __init__(
        self,
        step: Step,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        noise: torch.Generator,
        batch_size: int,
    ) -> None:
        """Record `step`; model, optimiser and scaler are afterwards as they were before.

        Parameters
        ----------
        step
            Makes one optimisation step from the rows of a batch, (B,) int64, and the weight of the
            KL term, (); returns the metrics of the batch.
        model, optimizer, scaler
            What the step changes.
        noise
            The generator that the step draws from; its seed may be set between steps.
        batch_size
            Number of rows of the batches that are replayed.
        """
        self.step = step
        self.rows = torch.zeros(batch_size, dtype=torch.int64, device=noise.device)
        self.kl_weight = torch.zeros((), device=noise.device)
        group = optimizer.param_groups[0]
        self.rate = torch.zeros((), device=noise.device)
        group["lr"], group["capturable"] = self.rate, True

        self._warm_up(model, optimizer, scaler)
        self.graph = torch.cuda.CUDAGraph()
        self.graph.register_generator_state(noise)
        with torch.cuda.graph(self.graph):
            self.metrics = step(self.rows, self.kl_weight)

    def __call__(self, rows: Tensor, rate: float, kl_weight: float) -> Tensor:
        """Make one step and return its metrics, which the next step overwrites."""
        self.rate.fill_(rate)
        self.kl_weight.fill_(kl_weight)
        if len(rows) != len(self.rows):
            return self.step(rows, self.kl_weight)
        self.rows.copy_(rows)
        self.graph.replay()
        return self.metrics

    def _warm_up(
        self,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
    ) -> None:
        """Make a few steps, and undo in place what they changed."""
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        moments = {
            weight: {name: value.clone() for name, value in values.items()}
            for weight, values in optimizer.state.items()
        }
        scale = scaler.state_dict()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_STEPS):
                self.step(self.rows, self.kl_weight)
        torch.cuda.current_stream().wait_stream(stream)
        with torch.no_grad():
            for name, value in model.state_dict().items():
                value.copy_(weights[name])
            for weight, values in optimizer.state.items():
                before = moments.get(weight)
                for name, value in values.items():
                    # Before its first step, an optimiser has no state, which means zeros.
                    value.copy_(before[name]) if before else value.zero_()
        if scale:
            scaler.load_state_dict(scale)
