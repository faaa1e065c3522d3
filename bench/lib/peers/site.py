"""One site of a peer's method in bench/peers.ts: alone, DDP (gloo), DiLoCo's method (gloo),
Hivemind, or a client of Flower; `--method flower-hub` is Flower's server. Each is the peer's own
library where it has one; DiLoCo and its speed-scaled steps are written here after the published
description (training.md 2.1, 2.2) on torch.distributed.
"""
import argparse
import datetime
import os
import sys
import time

import torch
import torch.distributed as dist

from common import Work

GLOO_WAIT = datetime.timedelta(minutes=5)


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("method", "address", "text", "model", "out", "batches", "steps"):
        parser.add_argument("--" + name, default="")
    for name in ("rank", "sites", "seed", "port"):
        parser.add_argument("--" + name, type=int, default=0)
    for name in ("lr", "seconds", "outer-rate", "outer-momentum"):
        parser.add_argument("--" + name, type=float, default=0.0)
    args = parser.parse_args()
    args.batches = [int(x) for x in args.batches.split(",")]
    args.steps = [int(x) for x in (args.steps or "1").split(",")]
    return args


def open_gloo(args):
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "wan0")
    store = "tcp://%s:%d" % (args.address, args.port)
    dist.init_process_group("gloo", store, GLOO_WAIT, args.sites, args.rank)
    dist.barrier()


def all_go_on(work):
    """Rank 0's clock decides for all: who stops alone leaves the others waiting."""
    flag = torch.tensor([1 if work.left() else 0])
    dist.broadcast(flag, 0)
    return bool(flag.item())


def alone(work):
    work.start()
    while work.left():
        work.step(work.args.batches[0])
        work.report()
    work.report(last=True)


def ddp(work):
    """PyTorch's own DistributedDataParallel; a site's batch counts by its size."""
    args = work.args
    open_gloo(args)
    model = torch.nn.parallel.DistributedDataParallel(work.model)
    batch = args.batches[args.rank]
    scale = batch * args.sites / sum(args.batches)
    work.start()
    while all_go_on(work):
        work.step(batch, model, scale)
        if args.rank == 0:
            work.report()
    if args.rank == 0:
        work.report(last=True)


def diloco(work):
    """H inner steps, the mean change in fp16, one Nesterov step, the same at every site."""
    args = work.args
    open_gloo(args)
    start = work.vector()
    momentum = torch.zeros_like(start)
    total = sum(args.steps[i] * args.batches[i] for i in range(args.sites))
    mine = args.steps[args.rank] * args.batches[args.rank] / total
    work.start()
    while all_go_on(work):
        for _ in range(args.steps[args.rank]):
            work.step(args.batches[args.rank])
        change = ((start - work.vector()) * mine).half()
        dist.all_reduce(change)
        change = change.float()
        momentum = args.outer_momentum * momentum + change
        start = start - args.outer_rate * (change + args.outer_momentum * momentum)
        work.load(start)
        if args.rank == 0:
            work.report(start)
    if args.rank == 0:
        work.report(start, last=True)


def wait_for_text(path):
    while not os.path.exists(path):
        time.sleep(0.1)
    with open(path) as file:
        return file.read()


def hivemind_site(work):
    """hivemind.Optimizer with local updates: states are averaged every `target` samples."""
    import hivemind
    from hivemind.compression import Float16Compression

    args = work.args
    batch = args.batches[args.rank]
    first = "/ip4/%s/tcp/%d/p2p/" % (args.address, args.port)
    mine = "/ip4/10.88.0.%d/tcp/%d" % (args.rank + 2, args.port)
    peers = None
    if args.rank > 0:
        peers = [first + wait_for_text(os.path.join(args.out, "first-peer"))]
    dht = hivemind.DHT(initial_peers=peers, host_maddrs=[mine], start=True)
    if args.rank == 0:
        path = os.path.join(args.out, "first-peer")
        with open(path + ".part", "w") as file:
            file.write(str(dht.peer_id))
        os.rename(path + ".part", path)
    optimiser = hivemind.Optimizer(
        dht=dht,
        run_id="peers",
        target_batch_size=sum(args.batches[i] * args.steps[i] for i in range(args.sites)),
        batch_size_per_step=batch,
        optimizer=work.optimiser,
        use_local_updates=True,
        state_averaging_compression=Float16Compression(),
        matchmaking_time=3.0,
        averaging_timeout=60.0,
        verbose=False,
    )
    plain, work.optimiser = work.optimiser, optimiser
    work.start()
    while work.left():
        for group in plain.param_groups:
            group["lr"] = work.rate()
        work.step(batch)
        if args.rank == 0:
            work.report()
    if args.rank == 0:
        work.report(last=True)
    work.finish()
    sys.stdout.flush()
    optimiser.shutdown()
    dht.shutdown()


def flower_site(work):
    """A client of Flower: fits what the server sends, answers with its parameters."""
    import flwr
    import grpc
    from flwr.client import start_client

    args = work.args
    batch = args.batches[args.rank]

    class Site(flwr.client.NumPyClient):
        def fit(self, parameters, config):
            work.started = time.monotonic() - config["seconds"]  # The hub's clock.
            work.load(torch.from_numpy(parameters[0].copy()))
            before = work.tokens
            for _ in range(args.steps[args.rank]):
                work.step(batch)
            return [work.vector().numpy()], work.tokens - before, {}

        def evaluate(self, parameters, config):
            return 0.0, 1, {}

    try:
        start_client(
            server_address="%s:%d" % (args.address, args.port),
            client=Site().to_client(),
            insecure=True,
            max_wait_time=60.0,
        )
    except grpc.RpcError:
        if work.tokens == 0:
            raise  # Otherwise the hub has ended: the time is up.


def flower_hub(work):
    """Flower's server with FedAvg with server momentum (FedAvgM); it ends when the time is up."""
    import flwr
    from flwr.server import ServerConfig, start_server
    from flwr.server.strategy import FedAvgM

    args = work.args

    class Timed(FedAvgM):
        def configure_fit(self, server_round, parameters, client_manager):
            client_manager.wait_for(args.sites, timeout=120)
            if work.started is None:
                work.start()
            vector = flwr.common.parameters_to_ndarrays(parameters)[0]
            if server_round > 1:
                work.report(torch.from_numpy(vector), last=not work.left())
            if not work.left():
                work.finish()
                os._exit(0)  # The clients are told by their broken stream.
            return super().configure_fit(server_round, parameters, client_manager)

    strategy = Timed(
        min_fit_clients=args.sites,
        min_available_clients=args.sites,
        fraction_evaluate=0.0,
        server_learning_rate=args.outer_rate,
        server_momentum=args.outer_momentum,
        initial_parameters=flwr.common.ndarrays_to_parameters([work.vector().numpy()]),
        on_fit_config_fn=lambda _: {"seconds": work.seconds()},
    )
    address = "%s:%d" % (args.address, args.port)
    start_server(server_address=address, config=ServerConfig(num_rounds=10**6), strategy=strategy)


METHODS = {
    "alone": alone,
    "ddp": ddp,
    "diloco": diloco,
    "hivemind": hivemind_site,
    "flower": flower_site,
    "flower-hub": flower_hub,
}


def main():
    args = arguments()
    work = Work(args)
    METHODS[args.method](work)
    if args.method != "hivemind":
        work.finish()


if __name__ == "__main__":
    main()
