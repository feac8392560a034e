"""A steward's decisions at a node of this machine."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from resolvers.search import read_global_id
from service.enrolled import node_connection
from service.enrolment import EnrolmentError
from service.home import NodeHome
from service.settings import load_settings
from store.withdrawal import withdraw_record


async def withdraw_here(root: Path, node: str, record_id: str, reason: str) -> None:
    """Withdraw a record that originates at the node, as of the domain date.

    Raises EnrolmentError RECORD_ID_INVALID, and what `store.withdrawal` raises.
    """
    told = read_global_id(record_id)
    try:
        record = UUID(told[1] if told else record_id)
    except ValueError:
        raise EnrolmentError(
            "RECORD_ID_INVALID", "name a record by its id as a query shows it, or by its UUID"
        ) from None
    today = load_settings(NodeHome(root, node)).domain_date()
    async with node_connection(root, node) as connection:
        await withdraw_record(connection, record, reason=reason, on=today)
