"""The cast and the requests of the services' tests."""

from tests.replicas.services.conftest import cast, compared, master, plan, twin, wanted

__all__ = ["cast", "compared", "master", "plan", "twin", "wanted"]
