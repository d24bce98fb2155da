"""Takes a service from stage to stage: each is applied, proven, watched for its gate's time, and kept or taken back.

Nothing of this is remembered but in the config, the stack and its update history. So a run that was killed anywhere is
gone on with by the next one, on any machine: :class:`~vmmesh.advance.walk.Walk` makes config, stack and mesh agree.
"""

from vmmesh.advance.order import Order
from vmmesh.advance.runs import advance, rollback
from vmmesh.advance.steps import Advanced, document, show

__all__ = ["Advanced", "Order", "advance", "document", "rollback", "show"]
