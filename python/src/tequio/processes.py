"""Several processes of one site, as torchrun starts them: the first speaks to the pool and the
others do what it says. A group of its own (gloo) carries that, whatever the script uses."""

import os

import torch


class Alone:
    """One process."""

    rank = 0
    world = 1

    def share(self, message):
        """The first process's message, in all of them."""
        return message

    def share_vector(self, vector):
        """The first process's vector (or None), in all of them."""
        return vector

    def mean(self, value):
        """The mean of all processes' values."""
        return value


class Together(Alone):
    """The processes of an initialised ``torch.distributed``."""

    def __init__(self):
        import torch.distributed as dist

        self._dist = dist
        if not dist.is_initialized():
            dist.init_process_group("gloo")
        self.rank = dist.get_rank()
        self.world = dist.get_world_size()
        self._group = dist.new_group(backend="gloo")

    def share(self, message):
        box = [message]
        self._dist.broadcast_object_list(box, src=0, group=self._group)
        return box[0]

    def share_vector(self, vector):
        size = self.share(-1 if vector is None else vector.size)
        if size < 0:
            return None
        tensor = torch.from_numpy(vector) if self.rank == 0 else torch.empty(size)
        self._dist.broadcast(tensor, src=0, group=self._group)
        return tensor.numpy()

    def mean(self, value):
        tensor = torch.tensor([value], dtype=torch.float64)
        self._dist.all_reduce(tensor, group=self._group)
        return float(tensor) / self.world


def processes():
    """Those of this site, by the variables that torchrun sets."""
    return Together() if int(os.environ.get("WORLD_SIZE", "1")) > 1 else Alone()
