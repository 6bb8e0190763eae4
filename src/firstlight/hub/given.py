"""What the application gives to its handlers."""

from typing import TypeAlias

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from firstlight.app.platform import Platform
from firstlight.hub.bodies import Budget

GivenPlatform: TypeAlias = NamedDependency[SkipValidation[Platform]]
GivenBudget: TypeAlias = NamedDependency[SkipValidation[Budget]]
