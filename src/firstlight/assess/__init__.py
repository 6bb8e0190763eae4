"""How well things are, with reasons.  Pure: time and reader are passed in, so history can be judged as well as now."""

from firstlight.assess.health import assess
from firstlight.assess.packs import BUILTIN_PACKS, Indicator, Pack, ShareRule, load_pack, load_packs

__all__ = ["BUILTIN_PACKS", "Indicator", "Pack", "ShareRule", "assess", "load_pack", "load_packs"]
