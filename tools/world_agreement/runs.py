"""The runs: each pair and seed once in virtual time and once in world `local`, kept on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

from scalecert import pipeline
from scalecert.recording import store
from scalecert.recording.model import Recording
from scalecert.worlds.base import World
from world_agreement.pairs import Pair


@dataclass(frozen=True, slots=True)
class Run:
    """One pair with one seed."""

    pair: Pair
    seed: int

    def folder(self, out: Path, world: str) -> Path:
        """Return where its recording in that world lies."""
        return out / world / self.pair.policy / self.pair.scenario / f"seed-{self.seed}"

    def recordings(self, out: Path) -> tuple[Recording, Recording]:
        """Return what sim and local saw."""
        return store.load(self.folder(out, "sim")), store.load(self.folder(out, "local"))


@dataclass(frozen=True, slots=True)
class Runs:
    """How the runs are made: `worlds` of world `local` at once, each `time_lapse` times faster."""

    out: Path
    time_lapse: int
    worlds: int

    def make(self, runs: Iterable[Run]) -> Iterator[Run]:
        """Make the runs and yield each one that is on disk.

        Raises:
            EnvironmentFault: if a world broke.
        """
        waiting: Queue[Run] = Queue()
        done: Queue[Run | None] = Queue()
        for run in runs:
            waiting.put(run)
        with ThreadPoolExecutor(self.worlds) as pool:
            workers = [
                pool.submit(self._work, f"fidelity-{number}", waiting, done)
                for number in range(self.worlds)
            ]
            for _ in range(self.worlds):
                while (run := done.get()) is not None:
                    yield run
            for worker in workers:
                worker.result()

    def _work(self, name: str, waiting: Queue[Run], done: Queue[Run | None]) -> None:
        """Make runs in one world until none waits, one after the other."""
        try:
            with pipeline.open_world("local", time_lapse=self.time_lapse, instance=name) as world:
                while True:
                    run = waiting.get_nowait()
                    self._record(run, "sim", None)
                    self._record(run, "local", world)
                    done.put(run)
        except Empty:
            pass
        finally:
            done.put(None)

    def _record(self, run: Run, name: str, world: World | None) -> None:
        lapse = 1 if world is None else self.time_lapse
        subject = run.pair.subject(world=name, seed=run.seed, time_lapse=lapse)
        case = run.pair.case()
        pipeline.record(subject, case, run.folder(self.out, name).parents[1], world=world)
