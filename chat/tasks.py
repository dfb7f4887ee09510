"""Celery tasks of the tools workers. They take ids and nothing else, and give nothing back."""

import logging
import uuid

from celery import shared_task

from chat import faults, overdue
from chat.tools import execution

logger = logging.getLogger(__name__)


@shared_task(name="tools.execute")
def execute_tool_call(call_id: str) -> None:
    """Run one call of the ledger. An exception ends here: its traceback's values could hold a credential.

    A call that is left behind so is overdue soon, and `tools.recover` moves it on.
    """
    try:
        execution.run(uuid.UUID(call_id))
    except Exception as error:  # the task's edge: only the kind and the place go into the log
        logger.error("call %s was left behind: %s at %s", call_id, type(error).__name__, faults.place(error))


@shared_task(name="tools.recover")
def recover_tool_calls() -> None:
    """Beat's round over calls that are overdue."""
    overdue.recover()
