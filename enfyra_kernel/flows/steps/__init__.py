"""The kinds of steps, each as a function of what it is told and what the run knows."""

from .scene import Scene, StepKind

__all__ = ["Scene", "StepKind"]
