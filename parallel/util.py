"""Names that programs import, under the module's name by which users know it."""

from .serialize.names import interactive
from .transport.addresses import disambiguate_ip_address, disambiguate_url

__all__ = ["disambiguate_ip_address", "disambiguate_url", "interactive"]
