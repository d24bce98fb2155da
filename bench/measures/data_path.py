"""What the mesh costs a call: latency at a steady rate, and calls a second, by every way of the talk."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from bench import load
from bench.places import ways
from bench.result import Bar, Result, Series
from bench.session import Session

_RATE = 1000
_HOW = """\
fortio, Istio's own load generator, with {connections} connections and HTTP/1.1. *p50* and *p99* are of an open load of
{rate} calls a second for {seconds} s, each round one sample; *most* is what the way carries when each connection calls
again as soon as it was answered. With the mesh: caller and server have sidecars, so mTLS, routing, statistics and an
access log of JSON at both ends; the VM calls the pod through the cluster's east-west gateway. Without: the same program
as server, called by a pod without a sidecar; on the VM a second process of it on a port that the sidecar leaves alone;
and from the VM by the user whose calls it leaves alone, at a port of the node, since pods have no addresses outside.
With and without in turns. Caller, server and all proxies share the processors of one machine, so *most* is what that
machine can do, not what the mesh can."""


def measure(session: Session) -> Result:
    rounds, seconds = session.times(3, 1), session.times(15, 3)
    rate = session.times(_RATE, 100)
    samples: defaultdict[str, list[float]] = defaultdict(list)
    program = load.ready(session.progress)
    with ways(session.environment, program, session.folder()) as found:
        for turn in range(rounds + 1):
            for name, pair in found.items():
                with session.round("data_path", name, turn, rounds):
                    for how, way in zip(("with the mesh", "without"), pair, strict=True):
                        steady = load.run(way.caller, way.url, rate, seconds)
                        most = load.run(way.caller, way.url, 0, seconds)
                        if turn:  # the first one opens connections
                            samples[f"{name}, {how}: p50"].append(steady.median)
                            samples[f"{name}, {how}: p99"].append(steady.p99)
                            samples[f"{name}, {how}: calls"].append(steady.rate)
                            samples[f"{name}, {how}: most"].append(most.rate)
    how = _HOW.format(connections=load.CONNECTIONS, rate=rate, seconds=seconds)
    return _judged(Result(name="data_path", title="what the mesh costs a call", how=how, series=_series(samples)))


def _series(samples: dict[str, list[float]]) -> list[Series]:
    return [
        Series(
            name=name,
            unit="ms" if name.endswith(("p50", "p99")) else "calls/s",
            values=values,
            ours=", with the mesh" in name,
        )
        for name, values in samples.items()
    ]


def _judged(found: Result) -> Result:
    added = found["pod to pod, with the mesh: p99"].median - found["pod to pod, without: p99"].median
    bar = Bar(
        what="what the mesh adds to a call from pod to pod, 99th percentile (medians of rounds)",
        aim=4,
        found=added,
        unit="ms",
        anchor="2.88 ms by Istio's performance page, for two sidecars at 1,000 calls a second and 16 connections",
    )
    return replace(found, bars=[bar])
