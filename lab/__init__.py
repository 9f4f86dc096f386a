"""Real hosts on one machine: a master of a realm and blank hosts to make replicas of."""

from lab.command import LabError
from lab.environment import Lab
from lab.host import Host

__all__ = ["Host", "Lab", "LabError"]
