"""What every plugin in Python needs: `hook` stands above the class that baepo
calls, and `config` reads what users write under `with:`."""

from .hook import failed, hook

__all__ = ["failed", "hook"]
