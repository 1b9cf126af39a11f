"""A certificate as an in-toto Statement: for tools that sign and look up attestations.

Beside the flow: `scalecert statement` prints it, `cosign attest-blob --statement` and other
in-toto tools sign it. The format is https://github.com/in-toto/attestation, spec/v1/statement.md.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from scalecert.certificate.artifacts import folder_of
from scalecert.certificate.assurance import Assurance
from scalecert.certificate.document import Certificate, Suite
from scalecert.certificate.parts import CertificatePart, taken_from
from scalecert.checks.finding import Verdict

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://scalecert.dev/certificate/v1"
RECORDING_DIGEST = "scalecertRecording"
"""Algorithm of a recording's digest: it is of a folder, so its name must not be `sha256`, which is
of one file's bytes. Lower-case hex; `recording.store.digest` has the formula."""


class Subject(CertificatePart, frozen=True):
    """One thing that the statement is about; `digest` by algorithm, lower-case hex."""

    name: str
    digest: dict[str, str]


class Policy(CertificatePart, frozen=True):
    """The policy that was certified; `digest` covers all of its manifests."""

    name: str
    namespace: str
    digest: str


class Engine(CertificatePart, frozen=True):
    """What served its pods, and the profile that stood for it."""

    name: str
    version: str | None
    profile: str
    profile_digest: str


class Predicate(CertificatePart, frozen=True):
    """What is stated: enough to decide on without opening the certificate.

    `time_lapse` is how many seconds of the runs passed in one of the clock.
    """

    verdict: Verdict
    assurance: Assurance | None
    objective: tuple[str, ...]
    policy: Policy
    engine: Engine
    suite: Suite
    world: str
    harness_version: str
    date: str
    time_lapse: int = 1


class Statement(CertificatePart, frozen=True):
    """An in-toto Statement, version 1."""

    type_: Literal["https://in-toto.io/Statement/v1"] = msgspec.field(name="_type")
    subject: tuple[Subject, ...]
    predicate_type: str
    predicate: Predicate


def statement(certificate: Certificate, data: bytes, name: str) -> Statement:
    """Return what a certificate states.

    Args:
        certificate: the certificate.
        data: its file, whose digest the first subject has.
        name: of the file.
    """
    spec = certificate.spec
    recordings = (
        Subject(
            folder_of((ref.scenario, ref.run)),
            {RECORDING_DIGEST: ref.digest.removeprefix("sha256:")},
        )
        for ref in spec.recordings
    )
    return Statement(
        type_=STATEMENT_TYPE,
        subject=(Subject(name, {"sha256": hashlib.sha256(data).hexdigest()}), *recordings),
        predicate_type=PREDICATE_TYPE,
        predicate=Predicate(
            verdict=spec.verdict,
            assurance=spec.assurance,
            objective=spec.objective,
            policy=taken_from(spec.policy, Policy),
            engine=taken_from(spec.engine, Engine),
            suite=spec.suite,
            world=spec.world,
            harness_version=spec.harness_version,
            date=certificate.metadata.date,
            time_lapse=spec.wall_clock.time_lapse if spec.wall_clock else 1,
        ),
    )
