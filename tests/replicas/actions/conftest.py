"""The cast and the requests of the services' tests."""

from tests.replicas.services.conftest import cast, master, plan, twin, wanted

__all__ = ["cast", "master", "plan", "twin", "wanted"]
