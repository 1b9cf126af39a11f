"""An HTTP service that is there only when the model is."""

from __future__ import annotations

from mock_servers.serving.services import HttpService


class LateHttpService(HttpService):
    """Listens once the model is loaded: connections are refused until then."""

    async def start(self) -> None:
        """Keep the port."""

    async def model_loaded(self) -> None:
        """Listen, and serve from now on."""
        await super().start()
