"""The ledger: the durable state, and the only package that knows SQL."""

from batchgen.ledger.book import LedgerBook
from batchgen.ledger.database import Ledger
from batchgen.ledger.staging import Staging

__all__ = ["Ledger", "LedgerBook", "Staging"]
