"""The in-toto Statement: what other tools sign is what the certificate says."""

from __future__ import annotations

import hashlib
import json

from factories import make_certificate

from scalecert.certificate.statement import RECORDING_DIGEST, statement
from scalecert.documents import canonical_json

CERTIFICATE = make_certificate("ttft-objective")
DATA = canonical_json(CERTIFICATE)


def test_it_is_a_statement_of_version_1():
    """Type, subjects and predicate, by the names that in-toto gives them."""
    found = json.loads(canonical_json(statement(CERTIFICATE, DATA, "certificate.json")))
    assert set(found) == {"_type", "subject", "predicateType", "predicate"}
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://scalecert.dev/certificate/v1"


def test_the_first_subject_is_the_file():
    """Its sha256 is of the bytes, so that tools find the attestation by the file."""
    first, *others = statement(CERTIFICATE, DATA, "certificate.json").subject
    assert (first.name, first.digest) == (
        "certificate.json",
        {"sha256": hashlib.sha256(DATA).hexdigest()},
    )
    refs = CERTIFICATE.spec.recordings
    assert [one.name for one in others] == [f"recordings/{r.scenario}/{r.run}" for r in refs]
    assert all(one.digest == {RECORDING_DIGEST: "3"} for one in others)


def test_the_predicate_is_what_a_gate_decides_on():
    """Verdict, level, objective, and digests of policy, profile and suite."""
    predicate = statement(CERTIFICATE, DATA, "certificate.json").predicate
    spec = CERTIFICATE.spec
    assert (predicate.verdict, predicate.assurance) == (spec.verdict, spec.assurance)
    assert predicate.objective == spec.objective
    assert predicate.policy.digest == spec.policy.digest
    assert predicate.engine.profile_digest == spec.engine.profile_digest
    assert predicate.suite.digest == spec.suite.digest
