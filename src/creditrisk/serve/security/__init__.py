"""Who may call the API and how often, and what each answer says to browsers."""

from creditrisk.serve.security.callers import Caller, Scope
from creditrisk.serve.security.gate import Gate

__all__ = ["Caller", "Gate", "Scope"]
