"""Prometheus as the monitors ask it: to take its configuration anew."""

from __future__ import annotations

import urllib3
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from scalecert.errors import EnvironmentFault

RELOAD_SECONDS = 20.0
_ANSWER_SECONDS = 10.0
_PAUSE_SECONDS = 0.1


class ConfigRefused(EnvironmentFault):
    """Prometheus keeps the configuration that it had; the text says why."""


class PrometheusServer:
    """A running Prometheus with `--web.enable-lifecycle`.

    Args:
        url: `http://127.77.3.1:9090`.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(retries=False)

    def reload(self) -> None:
        """Have the configuration taken anew; it has been when this returns.

        Raises:
            ConfigRefused: if it can't be used.
            EnvironmentFault: if nothing answers in time.
        """
        patient = Retrying(
            retry=retry_if_exception_type((urllib3.exceptions.HTTPError, OSError)),
            stop=stop_after_delay(RELOAD_SECONDS),
            wait=wait_fixed(_PAUSE_SECONDS),
        )
        try:
            answer = patient(self._post)
        except RetryError as error:
            waited = f"waited {RELOAD_SECONDS:g} s for Prometheus at {self._url}"
            raise EnvironmentFault(waited) from error
        if answer.status != 200:
            raise ConfigRefused(answer.data.decode(errors="replace").strip())

    def _post(self) -> urllib3.BaseHTTPResponse:
        answer = self._pool.request("POST", f"{self._url}/-/reload", timeout=_ANSWER_SECONDS)
        if answer.status == 503:
            # It answers so while it starts.
            raise urllib3.exceptions.HTTPError("not ready")
        return answer
