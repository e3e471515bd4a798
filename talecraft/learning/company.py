"""Who else works on this run: the processes that a launcher has started together.

Each has the whole model, does its share of what can be shared out, and is told what the others
found, so that all take the same steps. They *meet* often, always in the same way; one that fails
or is to end says so at the next meeting, whichever that is, and nobody waits for it in vain.
Process state and collectives are Accelerate's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from talecraft.engine.loading import choose_device_name
from talecraft.errors import EngineError
from talecraft.process.environment import LAUNCHED

if TYPE_CHECKING:
    from talecraft.process.run_events import Outcome

T = TypeVar("T")
U = TypeVar("U")
# The main process may be paused for as long as the writer likes; the others wait for it.
LONGEST_PAUSE = timedelta(days=30)
_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
_SHARDED = {
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "A parallelism config",
}
_PR_SET_PDEATHSIG = 1


class Ended(Exception):
    """Another process of the run ends it, with this outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.words)
        self.outcome = outcome


class Parted(Exception):
    """Another process of the run is gone without a word."""


class Company:
    """One process alone: all shares are its own, and there is nobody to wait for."""

    rank, size = 0, 1

    @property
    def main(self) -> bool:
        """Is this the process that writes, and is asked things?"""
        return self.rank == 0

    # ------------------------------------------------------------------ shares
    def share(self, items: Sequence[T], together: int = 1) -> list[T]:
        """What of the items is this process's to do; so many in a row stay `together`."""
        return [one for at, one in enumerate(items) if at // together % self.size == self.rank]

    def largest_share(self, count: int) -> int:
        """How many of `count` items one process has at most."""
        return -(-count // self.size)

    def spread(
        self, work: Callable[[list[T]], Sequence[U]], items: Sequence[T], together: int = 1
    ) -> list[U]:
        """`work` gives a result for each of the items that it is given; here for all of them, each
        done by one process. Results are sent by their values: tensors arrive on the CPU."""
        mine = self.share(range(len(items)), together)
        found = work([items[i] for i in mine]) if mine else []
        results: dict[int, U] = {}
        for part in self.meet(list(zip(mine, found, strict=True))):
            results.update(part)
        return [results[i] for i in range(len(items))]

    def by_main(self, work: Callable[[], T]) -> T:
        """What the main process makes of it; the others wait, and are told."""
        found: T = self.meet(work() if self.main else None)[0]
        return found

    # ------------------------------------------------------------------ meetings
    def meet(self, given: Any) -> list[Any]:
        """What each process gave, in their order. Raises Ended, Parted."""
        return [given]

    def add(self, tensors: Sequence[Tensor]) -> None:
        """Let the tensors (of one kind) be their sums over all processes. Raises as `meet` does."""

    def add_gradients(self, parameters: Sequence[Parameter], figures: np.ndarray) -> np.ndarray:
        """Let the parameters' gradients be their sums over all processes, of which some may have
        had nothing to do; returns the sums of the `figures`. Raises as `meet` does."""
        return figures

    def even(self, tensors: Sequence[Tensor]) -> None:
        """Let the tensors (of one kind) be the main process's. Raises as `meet` does."""

    # ------------------------------------------------------------------ the end
    def tell(self, outcome: Outcome) -> None:
        """Let all others end as this process does, at their next meeting."""

    def leave(self) -> None:
        """Wait for all to come here: whoever ends sooner may take the others along."""


class Several(Company):
    """One of several processes. There must be a process group."""

    def __init__(self) -> None:
        from accelerate import PartialState

        self._state = PartialState()
        self.rank, self.size = self._state.process_index, self._state.num_processes

    def meet(self, given: Any) -> list[Any]:
        from accelerate.utils import send_to_device

        found = self._gathered((None, send_to_device(given, "cpu")))
        for ended, _ in found:
            if ended is not None:
                raise Ended(ended)
        return [one for _, one in found]

    def add(self, tensors: Sequence[Tensor]) -> None:
        self._add(tensors, None)

    def add_gradients(self, parameters: Sequence[Parameter], figures: np.ndarray) -> np.ndarray:
        for one in parameters:
            if one.grad is None:
                one.grad = torch.zeros_like(one)
        gradients = [one.grad for one in parameters if one.grad is not None]
        return np.asarray(np.sum(self._add(gradients, figures), axis=0))

    def even(self, tensors: Sequence[Tensor]) -> None:
        from accelerate.utils import broadcast

        flat = self._flat(tensors)
        self.meet(None)
        self._spill(self._collective(broadcast, flat), tensors)

    def _add(self, tensors: Sequence[Tensor], given: Any) -> list[Any]:
        """Add the tensors up; what each process has given is met over before that, because none
        that fails must be waited for in the midst of a sum."""
        from accelerate.utils import reduce

        flat = self._flat(tensors)
        met = self.meet(given)
        self._spill(self._collective(reduce, flat, "sum"), tensors)
        return met

    def tell(self, outcome: Outcome) -> None:
        with contextlib.suppress(Parted):
            self._gathered((outcome, None))

    def leave(self) -> None:
        with contextlib.suppress(Parted):
            self._gathered(None)
        self._state.destroy_process_group()

    def _gathered(self, given: Any) -> list[Any]:
        from accelerate.utils import gather_object

        return list(self._collective(gather_object, [given]))

    def _collective(self, call: Callable[..., Any], *given: Any) -> Any:
        try:
            return call(*given)
        except RuntimeError as error:
            raise Parted("Another process of this run is gone.") from error

    def _flat(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.cat([one.detach().flatten() for one in tensors]).to(self._state.device)

    @staticmethod
    def _spill(flat: Tensor, tensors: Sequence[Tensor]) -> None:
        with torch.no_grad():
            for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
                tensor.copy_(part.view_as(tensor))


ALONE = Company()


def join() -> Company:
    """The company that a launcher has told this process of by its environment, or none.

    Raises EngineError where it asks for what a run cannot do: to share one model out.
    """
    environment = os.environ
    if max(_whole(environment, name) for name in _SIZES) < 2:
        if _was_to_be_several(environment):
            raise EngineError(
                "accelerate launch --cpu starts one process, however many are asked for.",
                "Say --multi_gpu for --cpu: without a GPU its processes take the CPU.",
            )
        return ALONE
    for name, what in _SHARDED.items():
        if environment.get(name, "").lower() in ("true", "1"):
            raise EngineError(
                f"{what} shares one model out among processes; a run keeps a whole one in each.",
                "Launch it with --multi_gpu instead, and a quantised model where memory is short.",
            )
    from accelerate import PartialState

    _die_with_the_launcher()
    if choose_device_name() == "cpu":
        PartialState(cpu=True, timeout=LONGEST_PAUSE)
    else:  # what is no tensor is told by the CPU: whoever waits for it leaves the GPU in peace
        PartialState(backend="cpu:gloo,cuda:nccl", timeout=LONGEST_PAUSE)
    return Several()


def _was_to_be_several(environment: Mapping[str, str]) -> bool:
    """`accelerate launch --cpu --num_processes 2` tells where the others would be met, and starts
    none."""
    return (
        environment.get("ACCELERATE_USE_CPU", "").lower() == "true"
        and {"MASTER_ADDR", "MASTER_PORT"} <= environment.keys()
        and "RANK" not in environment
    )


def _whole(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name, "1")
    return int(value) if value.isdigit() else 1


def _die_with_the_launcher() -> None:
    """Where the launcher is killed nobody would end what it has started: the kernel shall. Not
    where this process has itself become of what was launched: its parent may go."""
    if sys.platform == "linux" and os.environ.get(LAUNCHED) != str(os.getppid()):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
