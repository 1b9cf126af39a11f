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
    """How the runs are made: so many of world `local` at once, recordings to `out`."""

    out: Path
    worlds: int

    def make(self, runs: Iterable[Run]) -> Iterator[Run]:
        """Make the runs that are not on disk, and yield each one that is from now on.

        Raises:
            EnvironmentFault: if a world broke.
        """
        waiting: Queue[Run] = Queue()
        done: Queue[Run | None] = Queue()
        for run in runs:
            if not run.folder(self.out, "local").exists():
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
        """Make runs until none waits, one after the other, in a world for each time lapse."""
        try:
            run = waiting.get_nowait()
            while True:
                lapse = run.pair.time_lapse
                with pipeline.open_world("local", time_lapse=lapse, instance=name) as world:
                    while run.pair.time_lapse == lapse:
                        self._record(run, "sim", None)
                        self._record(run, "local", world)
                        done.put(run)
                        run = waiting.get_nowait()
        except Empty:
            pass
        finally:
            done.put(None)

    def _record(self, run: Run, name: str, world: World | None) -> None:
        subject = run.pair.subject(world=name, seed=run.seed)
        pipeline.record(
            subject, run.pair.case(), run.folder(self.out, name).parents[1], world=world
        )
